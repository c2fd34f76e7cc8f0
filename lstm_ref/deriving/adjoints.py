"""The backward pass of a folded forward, from right to left: an adjoint for every named value.

An equation v = E(a, b) gives back to each value that E reads the adjoint of v times the derivative of E. A value's
adjoint is the sum over its readers. Derivatives are written as a person writes them: σ′ is v (1 − v), from v itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from lstm_ref.deriving import expressions as ex
from lstm_ref.deriving.expressions import Call, Contraction, Expression, Leaf, Product, Sum
from lstm_ref.deriving.folding import CarriedValue, FoldedForward, Statement
from lstm_ref.deriving.patches import back_through
from lstm_ref.errors import BadInput

BAR = "_bar"
HEAVY = ("tanh", "sigmoid", "softmax", "softplus", "exp", "log", "sqrt", "power", "sum", "sin", "cos", "mod")


@dataclass(frozen=True)
class Adjoint:
    """name_bar = expression."""

    of: str
    """Whose adjoint: a named value, or the argument of an activation."""
    expression: Expression
    readers: tuple[str, ...]
    """Names of the values that read it."""
    argument_of: str = ""
    """For an adjoint of what a function is applied to: the value that the function gives."""


@dataclass
class Backward:
    """A backward pass, in the order in which it runs."""

    after: list[Adjoint] = field(default_factory=list)
    step: list[Adjoint] = field(default_factory=list)
    before: list[Adjoint] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    """States whose adjoint goes from step to step."""
    from_outputs: dict[str, tuple[Expression, int]] = field(default_factory=dict)
    """By value of a step, the adjoint of the array that stacks it over all steps, and the axis of time."""
    sums: list[str] = field(default_factory=list)
    """States that are sums over the steps: every term has the adjoint of the whole."""
    last: dict[str, Expression] = field(default_factory=dict)
    """By value of a step, the adjoint that its last one gets from after the loop."""
    accumulated: list[str] = field(default_factory=list)
    """What every step reads; its adjoint is added up over the steps."""
    same: dict[str, Expression] = field(default_factory=dict)
    """By value, another adjoint that its own adjoint is equal to, and which therefore has no line of its own."""
    kept: list[str] = field(default_factory=list)
    """Values of a step that the backward step reads."""
    arguments: dict[str, Expression] = field(default_factory=dict)
    """By name, arguments of functions that have an adjoint of their own."""


def differentiate(f: FoldedForward) -> Backward:
    """The backward pass. `f` gets further equations where the backward pass reads a value that had no name."""
    return _Differentiation(f).backward()


class _Differentiation:
    def __init__(self, f: FoldedForward) -> None:
        self.f = f
        self.b = Backward()
        self.given: dict[str, list[tuple[Expression, str]]] = {}
        """By value, what its readers give back, each with the reader."""
        self.lines: list[Adjoint] = []
        self.section: list[Statement] = []
        self.reader, self.line = "", 0
        self.needed = self._active()

    def _active(self) -> set[str]:
        """Names that depend on an input."""
        f = self.f
        found = set(f.inputs)
        found |= {r.name for r in f.reads if r.array in f.inputs}
        for _ in range(2):  # what goes round the loop once is known after the second pass
            for e in f.before:
                if found & set(ex.count(e.expression)):
                    found.add(e.name)
            found |= {r.name for r in f.reads if r.array in found}
            found |= {end for end, name in f.last.items() if name in found}
            found |= {whole for whole, (name, _) in f.stacked.items() if name in found}
            found |= {s.prev for s in f.states if s.name in found or found & set(ex.count(s.initial))}
            for e in f.step:
                if found & set(ex.count(e.expression)):
                    found.add(e.name)
            for e in f.after:
                if found & set(ex.count(e.expression)):
                    found.add(e.name)
        return found

    # ------------------------------------------------------------------------------------------------- the three parts

    def backward(self) -> Backward:
        """After the loop, one step, before the loop."""
        f, b = self.f, self.b
        for section in (f.before, f.step, f.after):
            section[:] = _with_softmax(section, f)
        self.section = f.after
        for k, out in enumerate(f.outputs):
            self.reader = "the output"
            self._push(out, Leaf(out.shape, "bar" if len(f.outputs) == 1 else f"bar_{k}"), None)
        self._sweep(f.after)
        self._step()
        b.step, self.lines = self.lines, []
        self.section = f.before
        for s in f.states:
            if s.name in b.states or s.name in b.sums:
                self.reader = "the first step"
                bar = b.last.get(s.name) if s.name in b.sums else Leaf(s.initial.shape, f"{s.name}_next{BAR}")
                if bar is not None:
                    self._push(s.initial, bar, None)
        self._sweep(f.before)
        for name in dict.fromkeys((*f.inputs, *(r.array for r in f.reads))):
            if name in f.inputs:
                self._finish(name)
        b.before = self.lines
        self._keep()
        return b

    def _sweep(self, section: list[Statement]) -> None:
        self.section = section
        for e in reversed(list(section)):
            self._equation(e)

    def _equation(self, e: Statement) -> None:
        self.line = e.line
        given = self._total(e.name)
        if given is None or e.name not in self.needed:
            return
        own = (Leaf(e.expression.shape, e.name), -1)
        if self._is_softmax(e.expression) and isinstance(given, Product) and own in given.factors:
            bar: Expression = given  # p · (y / p) is y: nobody writes down the adjoint of p
        else:
            bar = self._named(e.name, given)
        self.reader = e.name
        self._push(e.expression, bar, Leaf(e.expression.shape, e.name))

    @staticmethod
    def _is_softmax(e: Expression) -> bool:
        return isinstance(e, Call) and e.function == "softmax"

    def _step(self) -> None:
        f, b = self.f, self.b
        if not f.step:
            b.after, self.lines = self.lines, []
            return
        step_names = {e.name for e in f.step} | {r.name for r in f.reads}
        b.sums = [s.name for s in f.states if s.name in self.needed and self._is_sum_over_steps(s)]
        for s in f.states:
            if s.name in self.needed and s.name not in b.sums:
                b.states.append(s.name)
        for whole, (name, axis) in f.stacked.items():
            if (total := self._total(whole)) is not None:
                b.from_outputs[name] = (self._named(whole, total), axis)
                del self.given[whole]
        for end, name in f.last.items():
            if (total := self._total(end)) is not None:
                b.last[name] = self._named(end, total)
                del self.given[end]
        b.after, self.lines = self.lines, []
        for name in b.sums:
            if name in b.last:
                self._hand(name, b.last[name], "the sum")
        for name in dict.fromkeys([*b.states, *(n for n in b.last if n not in b.sums)]):
            self._hand(name, Leaf(f.shapes[name], f"{name}_next{BAR}"), "the next step")
        for name in b.from_outputs:
            self._hand(name, Leaf(f.shapes[name], f"{name}_out{BAR}"), "the outputs")
        before = {k: v for k, v in self.given.items() if k not in step_names}
        self.given = {k: v for k, v in self.given.items() if k in step_names}
        self._sweep(f.step)
        local = {r.name for r in f.reads} | {s.prev for s in f.states} | step_names
        for name in [k for k in self.given if k not in local]:
            if name in self.needed:
                self._finish(name)
                b.accumulated.append(name)
        for r in f.reads:
            self._finish(r.name)
        for s in f.states:
            if s.name in b.states:
                self._finish(s.prev, always=True)
        self.given = before
        for name in b.accumulated:
            self.given.setdefault(name, []).append((Leaf(f.shapes[name], name + BAR), "the steps"))
        for r in f.reads:
            if r.array in self.needed:
                self.given.setdefault(r.array, []).append((Leaf(f.shapes[r.array], r.array + BAR), "the steps"))

    def _hand(self, name: str, bar: Expression, reader: str) -> None:
        self.given.setdefault(name, []).append((bar, reader))

    def _is_sum_over_steps(self, s: CarriedValue) -> bool:
        """Whether the state is a sum over the steps, so that each term has the same adjoint: the loss, most often."""
        f = self.f
        read = sum((ex.count(e.expression) for e in f.step), Counter())
        own = next((e.expression for e in f.step if e.name == s.name), None)
        prev = Leaf(f.shapes[s.prev], s.prev)
        return (
            isinstance(own, Sum)
            and (1, prev) in own.terms
            and read[s.prev] == 1
            and not read[s.name]
            and s.name not in [name for name, _ in f.stacked.values()]
        )

    def _finish(self, name: str, always: bool = False) -> None:
        total = self._total(name)
        if total is None and always:
            total = ex.constant(self._zeros(name))
        if total is None or (isinstance(total, Leaf) and total.name == name + BAR):
            return
        readers = tuple(dict.fromkeys(r for _, r in self.given.get(name, [])))
        self.lines.append(Adjoint(name, total, readers))

    def _zeros(self, name: str) -> object:
        return np.zeros(self.f.shapes[name])

    def _total(self, name: str) -> Expression | None:
        """The sum of what its readers give back, or None."""
        given = self.given.get(name)
        if not given:
            return None
        shape = self.f.shapes[name]
        made = _placed([g for g, _ in given], shape)
        return made if made.shape == shape else ex.spread(made, shape)

    def _named(self, name: str, total: Expression) -> Expression:
        """The adjoint as a name of its own; where it is only another adjoint, that one."""
        if isinstance(total, Leaf):
            self.b.same[name] = total
            return total
        readers = tuple(dict.fromkeys(r for _, r in self.given[name]))
        self.lines.append(Adjoint(name, total, readers))
        return Leaf(total.shape, name + BAR)

    # --------------------------------------------------------------------------------------------------- one equation

    def _give(self, name: str, bar: Expression, shape: tuple[int, ...]) -> None:
        if name in self.needed:
            self.given.setdefault(name, []).append((ex.fitted(bar, shape), self.reader))

    def _is_active(self, e: Expression) -> bool:
        return any(leaf.name in self.needed for leaf in ex.leaves(e)) and not (
            isinstance(e, Call) and e.function in ("stop_gradient", "floor", "count")
        )

    def _push(self, e: Expression, bar: Expression, value: Expression | None) -> None:
        """Give back through an expression. `value` is a name of what it gives, if it has one."""
        if not self._is_active(e):
            return
        match e:
            case Leaf():
                self._give(e.name, bar, e.shape)
            case Sum():
                bar = self._bound(e, bar, value)
                for k, t in e.terms:
                    if self._is_active(t):
                        known = self._rest_of_sum(e, t, k, value)
                        self._push(t, self._through(ex.times(ex.number(k), bar), e, t), known)
            case Product():
                self._push_product(e, bar, value)
            case Contraction():
                bar = self._bound(e, bar if bar.shape == e.shape else ex.spread(bar, e.shape), value)
                la, lb, lo = e.letters
                if self._is_active(e.left):
                    self._push(e.left, ex.dot(bar, self._value(e.right), (lo, lb, la)), None)
                if self._is_active(e.right):
                    self._push(e.right, ex.dot(self._value(e.left), bar, (la, lo, lb)), None)
            case Call():
                self._push_call(e, bar, value)

    @staticmethod
    def _through(x: Expression, whole: Expression, part: Expression) -> Expression:
        """What comes back to a part that was broadcast."""
        if part.shape == whole.shape:
            return x
        return ex.fitted(x if x.shape == whole.shape else ex.spread(x, whole.shape), part.shape)

    def _rest_of_sum(self, e: Sum, t: Expression, k: Fraction, value: Expression | None) -> Expression | None:
        """A term of 1 − σ(a) from the whole: σ(a) = 1 − v."""
        rest = [(m, u) for m, u in e.terms if u is not t]
        if value is None or len(rest) != 1 or ex.number_of(rest[0][1]) is None or abs(k) != 1:
            return None
        return ex.plus((k, value), *((-k * m, u) for m, u in rest)) if k > 0 else ex.plus(*rest, (k, value))

    def _push_product(self, e: Product, bar: Expression, value: Expression | None) -> None:
        if _is_heavy(bar):
            bar = self._bound(e, bar, value)
        for f, p in e.factors:
            if not self._is_active(f):
                continue
            if p < 0 and value is not None:  # from the quotient itself
                slope = ex.times(ex.number(p), value, ex.power(self._value(f), -1))
            else:
                others = [ex.power(self._value(g), q) for g, q in e.factors if g is not f]
                own = [] if p == 1 else [ex.power(self._value(f), p - 1)]
                slope = ex.times(ex.number(e.number * p), *others, *own)
            known = ex.times(ex.number(1 / e.number), value) if value is not None and e.factors == ((f, 1),) else None
            self._push(f, self._through(ex.times(bar, slope), e, f), known)

    def _push_call(self, e: Call, bar: Expression, value: Expression | None) -> None:
        x = e.arguments[0]
        if e.function in SLOPES:
            slope = SLOPES[e.function](self, x, lambda: value if value is not None else self._value(e))
            self._push(x, self._bound(x, ex.times(bar, slope), value, e), None)
            return
        full = bar if bar.shape == e.shape else ex.spread(bar, e.shape)
        match e.function:
            case "softmax":
                y = value if value is not None else self._value(e)
                axis = e.settings
                s = ex.times(y, bar)
                pulled = ex.plus((1, s), (-1, ex.times(y, self._row_sum(s, axis))))
                self._push(x, self._bound(x, pulled, value, e), None)
            case "sum":
                leading = all(n == 1 for n in bar.shape) or e.settings[0] == tuple(range(len(e.settings[0])))
                self._push(x, bar if leading else ex.expand(full, e.settings[0]), None)
            case "max":
                axes, largest = e.settings[0], value if value is not None else self._value(e)
                many = len(axes) < len(x.shape)
                is_it = ex.call("eq", self._value(x), ex.expand(largest, axes) if many else largest)
                self._push(x, ex.times(ex.expand(full, axes) if many else bar, is_it), None)
            case "expand":
                kept = ex.reshaped(full, x.shape)
                self._push(x, kept, None)
            case "reshape":
                self._push(x, ex.reshaped(full, x.shape), None)
            case "spread":
                self._push(x, ex.fitted(full, x.shape), None)
            case "transpose":
                order = e.settings[0]
                self._push(
                    x, ex.call("transpose", full, settings=(tuple(order.index(k) for k in range(len(order))),)), None
                )
            case "slice":
                self._push(x, ex.call("place", full, settings=(e.settings[0], x.shape)), None)
            case "every":
                self._push(x, ex.call("spaced", full, settings=(e.settings[0], x.shape)), None)
            case "spaced":
                self._push(x, ex.call("every", full, settings=(e.settings[0],)), None)
            case "index":
                self._push(x, ex.call("put", full, settings=(*e.settings, x.shape)), None)
            case "roll":
                shift, axis = e.settings
                self._push(x, ex.call("roll", full, settings=((-shift) % x.shape[axis], axis)), None)
            case "concatenate" | "stack":
                self._push_joined(e, full)
            case "place":
                self._push(x, ex.call("slice", full, settings=(e.settings[0],)), None)
            case "flip":
                self._push(x, ex.call("flip", full, settings=e.settings), None)
            case "patches":
                self._push(x, back_through(e, full), None)
            case "where":
                condition, a, b = e.arguments
                zero = ex.number(0)
                for part, yes, no in ((a, bar, zero), (b, zero, bar)):
                    if self._is_active(part):
                        chosen = ex.call("where", condition, yes, no)
                        self._push(part, self._through(chosen, e, part), None)
            case "maximum":
                a, b = e.arguments
                is_a = ex.call("gt", self._value(a), self._value(b))
                self._push(a, self._through(ex.times(bar, is_a), e, a), None)
                self._push(b, self._through(ex.times(bar, ex.minus(ex.number(1), is_a)), e, b), None)
            case "power":
                a, b = e.arguments
                y = value if value is not None else self._value(e)
                self._push(a, self._through(ex.times(bar, self._value(b), ex.over(y, self._value(a))), e, a), None)
                self._push(b, self._through(ex.times(bar, y, ex.call("log", self._value(a))), e, b), None)
            case "mod":
                a, b = e.arguments
                self._push(a, self._through(bar, e, a), None)
                turns = ex.call("floor", ex.over(self._value(a), self._value(b)))
                self._push(b, self._through(ex.times(ex.number(-1), bar, turns), e, b), None)
            case _:
                raise BadInput(f"line {self.line}: `{e.function}` is not derived")

    def _row_sum(self, s: Expression, axes: tuple[int, ...]) -> Expression:
        """Σ s with axes of length one; a row of a fixed array that sums to one, as a one-hot target's, needs no sum."""
        if isinstance(s, Product):
            along = [(f, p) for f, p in s.factors if len(f.shape) == len(s.shape) and f.shape[axes[0]] > 1]
            if len(along) == 1 and along[0][1] == 1 and self._sums_to_one(row := along[0][0], axes):
                rest = [ex.power(g, p) for g, p in s.factors if g is not row]
                return ex.times(ex.number(s.number), *rest)
        return ex.expand(ex.total(s, axes), axes) if len(s.shape) > 1 else ex.total(s, axes)

    def _sums_to_one(self, e: Expression, axes: tuple[int, ...]) -> bool:
        """Whether it is a fixed array whose elements sum to one along the axes."""
        if not isinstance(e, Leaf) or e.name not in self.f.fixed:
            return False
        sums = np.sum(self.f.fixed[e.name], axis=axes)
        return bool(np.all(sums == 1))

    def _push_joined(self, e: Call, bar: Expression) -> None:
        (axis,) = e.settings
        start = 0
        if _is_heavy(bar):
            bar = self._bound(e, bar, None)
        first = e.arguments[0]
        for k, part in enumerate(e.arguments):
            if e.function == "concatenate" and len(e.arguments) == 2 and isinstance(first, Leaf):
                mine = ex.call("tail" if k else "head", bar, first, settings=(axis,))
            elif e.function == "stack":
                mine = ex.call("index", bar, settings=(axis, k))
            else:
                stop = start + part.shape[axis]
                window = tuple((start, stop) if a == axis else (0, n) for a, n in enumerate(e.shape))
                mine, start = ex.call("slice", bar, settings=(window,)), stop
            self._push(part, mine, None)

    # --------------------------------------------------------------------------------- what a person gives a name to

    def _bound(
        self, e: Expression, bar: Expression, value: Expression | None, function: Call | None = None
    ) -> Expression:
        """The adjoint of a part of an equation, under a name of its own where several values read on from it."""
        uses = sum(leaf.name in self.needed for leaf in ex.leaves(e))
        if isinstance(e, Leaf) or uses < 2 or _size(bar) <= 2:
            return bar
        name = next((q.name for q in self.section if q.expression == e), "")
        name = name or self._free(f"{self.reader}_in" if function is not None else f"{self.reader}_part")
        self.f.shapes[name] = e.shape
        self.b.arguments[name] = e
        bar = bar if bar.shape == e.shape else ex.spread(bar, e.shape)
        self.lines.append(Adjoint(name, bar, (self.reader,), self.reader))
        return Leaf(e.shape, name + BAR)

    def _value(self, e: Expression, hint: str = "") -> Expression:
        """An expression for a value that the backward pass reads: itself where that is short, else a name."""
        for equation in self.section:
            if equation.expression == e:
                return Leaf(e.shape, equation.name)
        if not _is_heavy(e):
            return e
        name = self._free(_called(e, self.reader) or hint or f"{self.reader}_part")
        self.f.shapes[name] = e.shape
        at = next((k for k, q in enumerate(self.section) if holds(q.expression, e)), None)
        if at is None:
            return e
        leaf = Leaf(e.shape, name)
        for k, q in enumerate(self.section):
            new = ex.rebuilt(q.expression, lambda c: leaf if c == e else None)
            self.section[k] = Statement(q.name, new, q.line)
        self.section.insert(at, Statement(name, e, self.section[at].line))
        for n, part in self.b.arguments.items():
            self.b.arguments[n] = ex.rebuilt(part, lambda c: leaf if c == e else None)
        return leaf

    def _free(self, name: str) -> str:
        taken = {*self.f.shapes, *self.b.arguments}
        return name if name not in taken else next(f"{name}{k}" for k in range(2, 1000) if f"{name}{k}" not in taken)

    def _keep(self) -> None:
        """Which values of a step its backward step reads."""
        read: Counter[str] = Counter()
        for a in self.b.step:
            read += ex.count(a.expression)
        f = self.f
        own = [*(r.name for r in f.reads), *(s.prev for s in f.states), *(e.name for e in f.step)]
        self.b.kept = [name for name in own if read[name]]


def _is_positive(d: Any, x: Expression, y: Any) -> Expression:
    return ex.call("gt", d._value(x), ex.number(0))


SLOPES: dict[str, Callable[[Any, Expression, Callable[[], Expression]], Expression]] = {
    "tanh": lambda d, x, y: ex.minus(ex.number(1), ex.power(y(), 2)),
    "sigmoid": lambda d, x, y: ex.times(y(), ex.minus(ex.number(1), y())),
    "exp": lambda d, x, y: y(),
    "log": lambda d, x, y: ex.power(d._value(x), -1),
    "sqrt": lambda d, x, y: ex.times(ex.number(0.5), ex.power(y(), -1)),
    "softplus": lambda d, x, y: ex.call("sigmoid", d._value(x, f"{d.reader}_in")),
    "relu": _is_positive,
    "abs": lambda d, x, y: ex.call("sign", d._value(x)),
    "sin": lambda d, x, y: ex.call("cos", d._value(x)),
    "cos": lambda d, x, y: ex.times(ex.number(-1), ex.call("sin", d._value(x))),
}
"""The derivative of an elementwise function, from its argument x and its value y."""


def _size(e: Expression) -> int:
    """How many letters it takes to write it, about."""
    match e:
        case Leaf() | ex.Constant() | ex.Number():
            return 1
        case Product():
            return sum(_size(f) for f, _ in e.factors) + (abs(e.number) != 1)
    return sum(map(_size, ex.children(e))) + 1


def _is_heavy(e: Expression) -> bool:
    if isinstance(e, Call) and e.function == "count":
        return False
    return (
        isinstance(e, Contraction)
        or (isinstance(e, Call) and e.function in HEAVY)
        or any(map(_is_heavy, ex.children(e)))
    )


def holds(e: Expression, part: Expression) -> bool:
    """Whether a part stands in an expression."""
    return e == part or any(holds(c, part) for c in ex.children(e))


def _called(e: Expression, reader: str) -> str:
    """A name for a value that the user gave none: tanh_c for tanh(c); the root within y is y_sqrt."""
    if isinstance(e, Call) and e.function in HEAVY:
        inner = e.arguments[0]
        return f"{e.function}_{inner.name}" if isinstance(inner, Leaf) else f"{reader}_{e.function}"
    return ""


def _with_softmax(section: list[Statement], f: FoldedForward) -> list[Statement]:
    """`e = exp(a); p = e / e.sum()` as `p = softmax(a)`, where nothing else reads e."""
    found = list(section)
    for e in section:
        if not (isinstance(e.expression, Call) and e.expression.function == "exp"):
            continue
        readers = [q for q in found if ex.count(q.expression)[e.name]]
        if len(readers) == 1 and not any(ex.count(o)[e.name] for o in f.outputs):
            (q,) = readers
            new = _written_out(q.expression, e)
            if isinstance(new, Call) and new.function == "softmax":
                found[found.index(q)] = Statement(q.name, new, q.line)
                found.remove(e)
    return found


def _written_out(e: Expression, value: Statement) -> Expression:
    """The expression with a value's own expression in its place."""
    return ex.rebuilt(e, lambda c: value.expression if isinstance(c, Leaf) and c.name == value.name else None)


def _placed(given: list[Expression], shape: tuple[int, ...]) -> Expression:
    """The sum of contributions; those that fill an array piece by piece are joined."""
    windows: dict[tuple[tuple[int, int], ...], list[Expression]] = {}
    indexed: dict[tuple[int, int], list[Expression]] = {}
    rest = []
    for g in given:
        k, inner = (g.number, g.factors[0][0]) if isinstance(g, Product) and len(g.factors) == 1 else (ex.ONE, g)
        if isinstance(inner, Call) and inner.function == "place":
            windows.setdefault(inner.settings[0], []).append(ex.times(ex.number(k), inner.arguments[0]))
        elif isinstance(inner, Call) and inner.function == "put":
            indexed.setdefault(inner.settings[:2], []).append(ex.times(ex.number(k), inner.arguments[0]))
        else:
            rest.append(g)
    parts = {w: ex.plus(*((1, p) for p in ps)) for w, ps in windows.items()}
    for axis, n in enumerate(shape):
        along = sorted(
            (w for w in parts if all(r == (0, m) for k, (r, m) in enumerate(zip(w, shape, strict=True)) if k != axis)),
            key=lambda w: w[axis],
        )
        ends = [0, *(w[axis][1] for w in along)]
        if len(along) > 1 and [w[axis][0] for w in along] == ends[:-1] and ends[-1] == n:
            rest.append(ex.call("concatenate", *(parts.pop(w) for w in along), settings=(axis,)))
        sums = {i: ex.plus(*((1, p) for p in ps)) for (a, i), ps in indexed.items() if a == axis}
        if sorted(sums) == list(range(n)) and n > 1:
            rest.append(ex.call("stack", *(sums[i] for i in range(n)), settings=(axis,)))
            indexed = {k: v for k, v in indexed.items() if k[0] != axis}
    rest += [ex.call("place", p, settings=(w, shape)) for w, p in parts.items()]
    rest += [ex.call("put", ex.plus(*((1, p) for p in ps)), settings=(*k, shape)) for k, ps in indexed.items()]
    return ex.plus(*((1, g) for g in rest))
