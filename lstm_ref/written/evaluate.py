"""A term's value at one step, in any arithmetic: floats, balls, or JAX's tracers.

All arrays have two axes. Standing side by side means a matrix product where the inner sizes agree, else an elementwise
product where the shapes do; ⊙ asks for equal shapes. What fits neither is a `Misfit`: there is no such product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lstm_ref import arithmetic
from lstm_ref.written.reading import BackwardLine
from lstm_ref.written.terms import (
    Add,
    Adj,
    Apply,
    Diag,
    Div,
    Dot,
    Fn,
    Had,
    Jacobian,
    Name,
    Neg,
    Num,
    Outer,
    Pow,
    Stack,
    StackedBlock,
    Steps,
    SumAll,
    SumB,
    SumT,
    Sym,
    Term,
    Time,
    Transpose,
)


class Misfit(Exception):
    """Arrays whose shapes do not fit the operation that is written."""


class NotThen(Exception):
    """A quantity has no value at this step."""


class CannotRead(Exception):
    """A term that is not evaluated, with the reason."""


@dataclass(frozen=True)
class Meaning:
    """What an open symbol stands for: the adjoint of `of`; what arrives at `of` from outside ("given"); what its own
    line says ("auxiliary"); or nothing that the page defines ("unknown")."""

    kind: str
    of: Name | None = None
    line: BackwardLine | None = None


@dataclass
class World:
    """All numbers of a page, by name and step."""

    steps: int
    rows: bool
    values: dict[tuple[Name, int], Any] = field(default_factory=dict)
    parameters: dict[Name, Any] = field(default_factory=dict)
    adjoints: dict[tuple[Name, int], Any] = field(default_factory=dict)
    direct: dict[tuple[Name, int], Any] = field(default_factory=dict)
    parameter_adjoints: dict[Name, Any] = field(default_factory=dict)
    contributions: dict[tuple[Name, int], Any] = field(default_factory=dict)
    """What each step adds to the adjoint of a parameter, where the page speaks of it as ∂L/∂W_t."""
    given: dict[tuple[Name, int], Any] = field(default_factory=dict)
    lengths: dict[Name, int] = field(default_factory=dict)
    functions: dict[Name, str] = field(default_factory=dict)
    meanings: dict[Name, Meaning] = field(default_factory=dict)
    activated: dict[Name, Name] = field(default_factory=dict)
    """For pages that write slopes as functions of the activated value: by value, what was activated."""
    kept: KnownValues | None = None
    """Values of terms that are evaluated again and again."""
    opened: dict[tuple[Name, int], Any] = field(default_factory=dict, init=False)
    """Values of auxiliary symbols, once they are known."""
    without: dict[Name, World] = field(default_factory=dict, init=False)
    """By symbol, this world without it, in which the symbol's own line is evaluated."""

    def read_as(self, meanings: dict[Name, Meaning]) -> None:
        """Reads the open symbols in another way."""
        self.meanings = meanings
        self.opened.clear()
        self.without.clear()


class KnownValues:
    """Values of the terms below `roots`, once they are known: where edits of a line are tried, most of it stays.

    Args:
        roots: The terms; they must outlive this.
    """

    def __init__(self, roots: Iterable[Term]) -> None:
        self.known = {id(term) for root in roots for term in root.subterms}
        self.values: dict[tuple[int, int], Any] = {}


def step_of(time: Time, t: int, steps: int) -> int:
    """The step that a time means."""
    return time.offset + {"t": t, "T": steps, "": 0}[time.anchor]


def evaluate(term: Term, world: World, t: int) -> Any:
    """The term's value at step t.

    Raises:
        Misfit: Shapes do not fit.
        NotThen: Something is read at a step where it does not exist.
        CannotRead: The term has no evaluation.
    """
    return _Evaluation(world, t).value(term)


class _Evaluation:
    def __init__(self, world: World, t: int) -> None:
        self.world, self.t = world, t

    def value(self, term: Term) -> Any:
        kept, key = self.world.kept, (id(term), self.t)
        if kept is not None and key in kept.values:
            return kept.values[key]
        rule = _RULES.get(type(term))
        if rule is None:
            raise CannotRead(f"{type(term).__name__} is not read here")
        found = rule(self, term)
        if kept is not None and key[0] in kept.known:
            kept.values[key] = found
        return found

    def number(self, term: Num) -> Any:
        return term.value

    def steps(self, term: Steps) -> Any:
        return float(self.world.steps)

    def symbol(self, term: Sym) -> Any:
        world = self.world
        if term.name in world.parameters:
            return world.parameters[term.name]
        step = self.t if term.time is None else step_of(term.time, self.t, world.steps)
        if (term.name, step) in world.values:
            return world.values[term.name, step]
        meaning = world.meanings.get(term.name)
        if meaning is not None and meaning.kind == "unknown":
            raise CannotRead(f"it reads {term.name}, which no equation of the page defines")
        if meaning is None:
            raise NotThen(f"{term.name}, which no equation defines")
        if (term.name, step) not in world.opened:
            world.opened[term.name, step] = self._open(meaning, step)
        return world.opened[term.name, step]

    def _open(self, meaning: Meaning, step: int) -> Any:
        if meaning.kind == "adjoint":
            assert meaning.of is not None
            return self._adjoint(meaning.of, step)
        if meaning.kind == "given":
            assert meaning.of is not None
            return self._at(self.world.given, meaning.of, step)
        assert meaning.line is not None
        left = meaning.line.left
        if meaning.line.equation.assigns:
            step += 1
        offset = left.time.offset if isinstance(left, Sym) and left.time is not None and left.time.anchor == "t" else 0
        if left.name not in self.world.without:
            others = {k: v for k, v in self.world.meanings.items() if k != left.name}
            self.world.without[left.name] = replace(self.world, meanings=others, kept=None)
        return evaluate(meaning.line.right, self.world.without[left.name], step - offset)

    def _at(self, table: dict[tuple[Name, int], Any], name: Name, step: int) -> Any:
        if (name, step) in table:
            return table[name, step]
        if step < 1 and (name, 1) in table:  # there is no such step: nothing flows into it
            return table[name, 1] * 0
        raise NotThen(f"the adjoint of {name}, which is not known at every step")

    def _adjoint(self, name: Name, step: int) -> Any:
        return self._at(self.world.adjoints, name, step)

    def adjoint(self, term: Adj) -> Any:
        world, name = self.world, term.of.name
        if name in world.parameters:
            if term.of.time is not None:
                return self._at(world.contributions, name, step_of(term.of.time, self.t, world.steps))
            return world.parameter_adjoints[name]
        step = self.t if term.of.time is None else step_of(term.of.time, self.t, world.steps)
        if term.part == "step":
            return self._at(world.direct or world.given, name, step)
        if term.part:
            return self._of_other_step(term, step)
        return self._adjoint(name, step)

    def _of_other_step(self, term: Adj, step: int) -> Any:
        """What an earlier step's loss contributes: nothing."""
        if int(term.part.removeprefix("step")) > 0:
            raise CannotRead("what a later step's loss contributes is not evaluated")
        return 0 * self._adjoint(term.of.name, step)

    def jacobian(self, term: Jacobian) -> Any:
        raise CannotRead(f"the Jacobian of {term.of.name} by {term.by.name} is not evaluated")

    def apply(self, term: Apply) -> Any:
        name = term.fn.name
        if name.startswith("function "):
            name = next(v for k, v in self.world.functions.items() if f"function {k}" == name)
        if term.fn.order > 1 or (term.fn.order == 1 and name not in _SLOPES):
            raise CannotRead(f"the derivative of order {term.fn.order} of {name} is not known here")
        inside = term.arg
        if term.fn.order and self.world.activated:
            inside = self._squashed(term.fn, inside)
        argument = self.value(inside)
        if isinstance(argument, float):
            raise Misfit(f"{name} of a number")
        if name == "softmax":
            return arithmetic.softmax(argument, axis=1 if self.world.rows else 0)
        return (_SLOPES if term.fn.order else _FUNCTIONS)[name](argument)

    def _squashed(self, fn: Fn, activated: Term) -> Term:
        """The argument of the function that gave this value: its slope is taken there."""
        if isinstance(activated, Sym) and activated.name in self.world.activated:
            return Sym(self.world.activated[activated.name], activated.time)
        is_value = isinstance(activated, Apply) and activated.fn == Fn(fn.name)
        return activated.arg if is_value else activated

    def power(self, term: Pow) -> Any:
        base, found = self.value(term.base), 1.0
        for _ in range(term.exponent):
            found = base * found
        return found

    def negative(self, term: Neg) -> Any:
        return -self.value(term.arg)

    def sum(self, term: Add) -> Any:
        return self._elementwise(map(self.value, term.terms), lambda a, b: a + b, "+")

    def hadamard(self, term: Had) -> Any:
        times = lambda factors: self._elementwise(map(self.value, factors), lambda a, b: a * b, "⊙")  # noqa: E731
        try:
            return times(term.factors)
        except Misfit:
            *before, last = term.factors
            if not isinstance(last, Dot):
                raise
            # δ ⊙ i ⊙ (1 - i) xᵀ, where the author takes ⊙ before the product
            return self._from_left([times([*before, last.factors[0]]), *map(self.value, last.factors[1:])])

    def quotient(self, term: Div) -> Any:
        return self._elementwise(map(self.value, (term.over, term.under)), lambda a, b: a / b, "/")

    def _elementwise(self, values: Iterable[Any], operation: Callable[[Any, Any], Any], sign: str) -> Any:
        found = None
        for value in values:
            if found is None:
                found = value
                continue
            if not isinstance(found, float) and not isinstance(value, float) and found.shape != value.shape:
                shapes = {found.shape, value.shape}
                is_row = self.world.rows and any(s[0] == 1 for s in shapes) and found.shape[1] == value.shape[1]
                is_scaled = sign != "+" and (1, 1) in shapes  # δe ⊙ v, where e is a single number
                if not is_row and not is_scaled:
                    raise Misfit(f"{_size(found)} {sign} {_size(value)}")
            found = operation(found, value)
        return found

    def dot(self, term: Dot) -> Any:
        values = [self.value(f) for f in term.factors]
        try:
            return self._from_left(values)
        except Misfit:
            if len(values) < 3:
                raise
        found = values[-1]
        for value in reversed(values[:-1]):
            found = _product(value, found)
        return found

    def _from_left(self, values: list[Any]) -> Any:
        found = values[0]
        for value in values[1:]:
            found = _product(found, value)
        return found

    def outer(self, term: Outer) -> Any:
        a, b = self.value(term.left), self.value(term.right)
        if isinstance(a, float) or isinstance(b, float):
            raise Misfit("an outer product with a number")
        if self.world.rows:
            return _product(a.T, b)
        if a.shape[1] != 1 or (b.shape[1] != 1 and b.shape[0] != 1):
            raise Misfit(f"{_size(a)} ⊗ {_size(b)}")
        return a @ (b.T if b.shape[1] == 1 else b)

    def transpose(self, term: Transpose) -> Any:
        inner = self.value(term.arg)
        return inner if isinstance(inner, float) else inner.T

    def diagonal(self, term: Diag) -> Any:
        vector = self.value(term.arg)
        if isinstance(vector, float) or 1 not in vector.shape:
            raise Misfit("diag of what is not a vector")
        return vector * np.eye(vector.size)

    def stack(self, term: Stack) -> Any:
        rows = [[self.value(x) for x in row] for row in term.rows]
        parts = [x for row in rows for x in row]
        if any(isinstance(p, float) for p in parts):
            raise Misfit("a number in a stack")
        along = self._vector_axis(parts)
        if along is not None:
            return _joined(parts, along)
        return _joined([_joined(row, 1) for row in rows], 0)

    def _vector_axis(self, parts: list[Any]) -> int | None:
        """The axis along which vectors are joined, however they are written; None for matrices."""
        if all(p.shape[1] == 1 for p in parts) and not self.world.rows:
            return 0
        if len({p.shape[0] for p in parts}) == 1 and (self.world.rows or parts[0].shape[0] == 1):
            return 1
        return None

    def part(self, term: StackedBlock) -> Any:
        whole = self.value(term.arg)
        axis = 1 if self.world.rows else 0
        if term.like[0] in self.world.lengths:
            lengths = [self.world.lengths[name] for name in term.like]
        else:
            n = int(term.like[0].letter)
            lengths = [whole.shape[axis] // n] * n
        start = sum(lengths[: term.index])
        cut = slice(start, start + lengths[term.index])
        return whole[:, cut] if axis else whole[cut]

    def over_time(self, term: SumT) -> Any:
        steps = self.world.steps
        low = 1 if term.low is None else step_of(term.low, 0, steps)
        high = steps if term.high is None else step_of(term.high, 0, steps)
        found = None
        for t in range(low, high + 1):
            value = evaluate(term.arg, self.world, t)
            found = value if found is None else found + value
        return 0.0 if found is None else found

    def over_batch(self, term: SumB) -> Any:
        value = self.value(term.arg)
        if isinstance(value, float):
            raise Misfit("a sum over the batch of a number")
        return value.sum(axis=0, keepdims=True)

    def over_all(self, term: SumAll) -> Any:
        value = self.value(term.arg)
        return value if isinstance(value, float) else value.sum().reshape(1, 1)


def _product(a: Any, b: Any) -> Any:
    if isinstance(a, float) or isinstance(b, float):
        return a * b
    if a.shape[1] == b.shape[0]:
        return a @ b
    if a.shape == b.shape:
        return a * b
    if a.size == 1 or b.size == 1:
        return a * b
    raise Misfit(f"{_size(a)} times {_size(b)}")


def _joined(parts: list[Any], axis: int) -> Any:
    if len({p.shape[1 - axis] for p in parts}) != 1:
        raise Misfit("a stack of " + " and ".join(_size(p) for p in parts))
    return arithmetic.concatenate(parts, axis=axis) if len(parts) > 1 else parts[0]


def _size(value: Any) -> str:
    return "a number" if isinstance(value, float) else "×".join(map(str, value.shape))


def _sigmoid_slope(x: Any) -> Any:
    y = arithmetic.sigmoid(x)
    return y * (1 - y)


def _tanh_slope(x: Any) -> Any:
    y = arithmetic.tanh(x)
    return 1 - y * y


_FUNCTIONS = {
    "sigmoid": arithmetic.sigmoid,
    "tanh": arithmetic.tanh,
    "relu": arithmetic.relu,
    "exp": arithmetic.exp,
    "log": arithmetic.log,
}
_SLOPES = {
    "sigmoid": _sigmoid_slope,
    "tanh": _tanh_slope,
    "relu": arithmetic.step,
    "exp": arithmetic.exp,
    "log": lambda x: 1 / x,
}
_RULES: dict[type, Callable[[_Evaluation, Any], Any]] = {
    Num: _Evaluation.number,
    Steps: _Evaluation.steps,
    Sym: _Evaluation.symbol,
    Adj: _Evaluation.adjoint,
    Jacobian: _Evaluation.jacobian,
    Apply: _Evaluation.apply,
    Pow: _Evaluation.power,
    Neg: _Evaluation.negative,
    Add: _Evaluation.sum,
    Had: _Evaluation.hadamard,
    Div: _Evaluation.quotient,
    Dot: _Evaluation.dot,
    Outer: _Evaluation.outer,
    Transpose: _Evaluation.transpose,
    Diag: _Evaluation.diagonal,
    Stack: _Evaluation.stack,
    StackedBlock: _Evaluation.part,
    SumT: _Evaluation.over_time,
    SumB: _Evaluation.over_batch,
    SumAll: _Evaluation.over_all,
}
