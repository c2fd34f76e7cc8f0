"""Flattens a jaxpr to one list of equations with all values: calls opened, loops unrolled, branches taken.

Variables are numbered from 0, and each is assigned once. A scan becomes an `unstack` of its inputs over time, its body
step by step, and a `stack` of its outputs. A while loop becomes as many bodies as its condition asks for at these
values, and a cond becomes the branch that is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.extend.source_info_util
import numpy as np

from lstm_ref.arithmetic.jaxpr import Numbers
from lstm_ref.arithmetic.movement import boxed, is_float
from lstm_ref.arithmetic.uncompiled import FLOATS
from lstm_ref.arithmetic.walk import CALLS, called, needed, opened, unrolled, walk
from lstm_ref.errors import CannotEvaluate, UnknownPrimitive


class Place(NamedTuple):
    """A place in the user's code."""

    file: str
    line: int
    column: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column} ({self.function})" if self.file else "an unknown line"


class Kind(NamedTuple):
    """The operation of one equation of a jaxpr, shared by all its repetitions in a loop."""

    primitive: str
    params: dict[str, Any]
    source: Any
    """JAX's source information."""
    jaxpr_equation: Any
    """JAX's equation; None for the equations that slice and join the arrays of a loop."""
    shapes: tuple[tuple[int, ...], ...]
    """Shapes of the operands."""
    result_shapes: tuple[tuple[int, ...], ...]
    floats: tuple[bool, ...]
    """For each operand, whether a derivative can pass through it."""
    step: Callable[..., Any]
    """Computes the result, or a list of several results, from the operands' values."""
    several: bool

    @property
    def place(self) -> Place:
        """The user's line."""
        return place_of(self.source)


class Equation(NamedTuple):
    """results = kind(operands); operands and results are numbers of variables."""

    kind: Kind
    operands: tuple[int, ...]
    results: tuple[int, ...]

    @property
    def primitive(self) -> str:
        """The name of its primitive."""
        return self.kind.primitive

    @property
    def params(self) -> dict[str, Any]:
        """Parameters of the primitive."""
        return self.kind.params

    @property
    def place(self) -> Place:
        """The user's line."""
        return self.kind.place


class Flat(NamedTuple):
    """A function at one point, as equations and values."""

    equations: list[Equation]
    values: list[Any]
    """The value of each variable, by its number."""
    inputs: list[int]
    outputs: list[int]
    is_active: list[bool]
    """For each variable, by its number, whether it depends on an input through floats."""


def place_of(source: Any) -> Place:
    """The user's line in JAX's source information."""
    if source is None:
        return Place("", 0, 0, "")
    text = jax.extend.source_info_util.summarize(source)
    found = re.fullmatch(r"(.*?):(\d+)(?::(\d+))?\S*(?: \((.*)\))?", text)
    if found is None:
        return Place("", 0, 0, "")
    return Place(found[1], int(found[2]), int(found[3] or 0), found[4] or "")


class Flattener:
    """Walks through a jaxpr and its inner jaxprs, and evaluates on the way."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self.equations: list[Equation] = []
        self.values: list[Any] = []
        self.is_active: list[bool] = []
        self._kinds: dict[int, Kind] = {}
        self._alive: list[Any] = []

    def variable(self, value: Any, is_active: bool = False) -> int:
        """Add a variable; return its number."""
        self.values.append(value)
        self.is_active.append(is_active)
        return len(self.values) - 1

    def walk(self, jaxpr: Any, consts: Sequence[int], operands: Sequence[int]) -> list[int]:
        """The numbers of a jaxpr's outputs, given those of its constants and inputs."""

        def step(eqn: Any, ins: list[int]) -> list[int]:
            if eqn.primitive.name in RULES:
                return RULES[eqn.primitive.name](self, eqn, ins)
            return self.apply(self._kind(eqn), ins)

        return walk(needed(jaxpr), consts, operands, step, lambda v: self._constant(v, v.val))

    def _constant(self, v: Any, value: Any) -> int:
        return self.variable(self.numbers.constant(v.aval, value))

    def _kind(self, eqn: Any) -> Kind:
        if id(eqn) not in self._kinds:
            self._alive.append(eqn)
            self._kinds[id(eqn)] = Kind(
                primitive=eqn.primitive.name,
                params=eqn.params,
                source=eqn.source_info,
                jaxpr_equation=eqn,
                shapes=tuple(v.aval.shape for v in eqn.invars),
                result_shapes=tuple(v.aval.shape for v in eqn.outvars),
                floats=tuple(is_float(v.aval) for v in eqn.invars),
                step=self.numbers.step_for(eqn),
                several=eqn.primitive.multiple_results,
            )
        return self._kinds[id(eqn)]

    def apply(self, kind: Kind, operands: Sequence[int]) -> list[int]:
        """Evaluate one equation and append it; if no operand depends on the inputs, the result becomes a constant."""
        try:
            results = kind.step(*[self.values[i] for i in operands])
        except CannotEvaluate as error:
            raise type(error)(f"`{kind.primitive}` at {kind.place}: {error}") from None
        results = results if kind.several else [results]
        active = any(self.is_active[i] and f for i, f in zip(operands, kind.floats, strict=True))
        if active and any(getattr(r, "dtype", None) == np.complex128 for r in results):
            raise UnknownPrimitive(f"`{kind.primitive}` at {kind.place}: complex numbers cannot be swept")
        outs = [self.variable(r, active) for r in results]
        self.equations.append(Equation(kind, tuple(operands), tuple(outs)))
        return outs

    # --------------------------------------------------------------------------- equations that hold jaxprs themselves

    def inner(self, closed: Any, operands: Sequence[int]) -> list[int]:
        """Walk through a jaxpr with its constants."""
        jaxpr, consts = opened(closed)
        numbers = [self._constant(v, c) for v, c in zip(jaxpr.constvars, consts, strict=True)]
        return self.walk(jaxpr, numbers, operands)

    def call(self, eqn: Any, operands: Sequence[int]) -> list[int]:
        """jit, remat and custom derivatives: walk through the function inside."""
        return self.inner(called(eqn), operands)

    def scan(self, eqn: Any, operands: Sequence[int]) -> list[int]:
        """Unrolled; the slices over time are equations too."""
        return unrolled(
            eqn,
            operands,
            lambda given: self.inner(eqn.params["jaxpr"], given),
            lambda x, v: self._unstack(x, eqn.params["length"], v, eqn),
            lambda ys, v: self._stack(ys, v, eqn),
        )

    def _unstack(self, x: int, length: int, v: Any, eqn: Any) -> list[int]:
        shape = v.aval.shape
        kind = Kind(
            primitive="unstack",
            params={"axis": 0},
            source=eqn.source_info,
            jaxpr_equation=None,
            shapes=(shape,),
            result_shapes=(shape[1:],) * length,
            floats=(is_float(v.aval),),
            step=lambda x: [boxed(x[i]) for i in range(length)],
            several=True,
        )
        return self.apply(kind, [x])

    def _stack(self, ys: list[int], v: Any, eqn: Any) -> int:
        shape, f = v.aval.shape, is_float(v.aval)
        if not ys:
            return self._constant(v, np.empty(shape, v.aval.dtype))
        kind = Kind(
            primitive="stack",
            params={"axis": 0},
            source=eqn.source_info,
            jaxpr_equation=None,
            shapes=(shape[1:],) * len(ys),
            result_shapes=(shape,),
            floats=(f,) * len(ys),
            step=lambda *ys: np.stack(ys),
            several=False,
        )
        return self.apply(kind, ys)[0]

    def while_(self, eqn: Any, operands: Sequence[int]) -> list[int]:
        """Unroll a while loop as often as its condition holds at these values."""
        n_cond, n_body = eqn.params["cond_nconsts"], eqn.params["body_nconsts"]
        cond_consts, body_consts = operands[:n_cond], operands[n_cond : n_cond + n_body]
        carry = list(operands[n_cond + n_body :])
        while True:
            (going,) = self.inner(eqn.params["cond_jaxpr"], [*cond_consts, *carry])
            if np.ndim(self.values[going]):
                raise UnknownPrimitive("several while loops in one (vmap) are not unrolled")
            if not self.values[going]:
                return carry
            carry = self.inner(eqn.params["body_jaxpr"], [*body_consts, *carry])

    def cond(self, eqn: Any, operands: Sequence[int]) -> list[int]:
        """Walk through the branch that is taken at these values."""
        which = int(self.values[operands[0]])
        return self.inner(eqn.params["branches"][which], operands[1:])


RULES: dict[str, Callable[[Flattener, Any, Sequence[int]], list[int]]] = {
    **dict.fromkeys(CALLS, Flattener.call),
    "scan": Flattener.scan,
    "while": Flattener.while_,
    "cond": Flattener.cond,
}


def flatten(closed: Any, leaves: Sequence[Any], numbers: Numbers = FLOATS) -> Flat:
    """Flatten a closed jaxpr at these inputs; equations that no output needs are left out. Where `with_lines` made the
    jaxpr, every equation has the user's line."""
    f = Flattener(numbers)
    inputs = [
        f.variable(numbers.constant(v.aval, x), is_float(v.aval))
        for v, x in zip(closed.jaxpr.invars, leaves, strict=True)
    ]
    with np.errstate(all="ignore"):
        outputs = f.inner(closed, inputs)
    outputs = [int(i) for i in outputs]
    return Flat(_prune(f.equations, outputs), f.values, inputs, outputs, f.is_active)


def _prune(equations: list[Equation], outputs: list[int]) -> list[Equation]:
    live, kept = set(outputs), []
    for e in reversed(equations):
        if not live.isdisjoint(e.results):
            live.update(e.operands)
            kept.append(e)
    return kept[::-1]
