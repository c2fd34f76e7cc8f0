"""BPTT's recursion as terms: given that a step's backward pass is right, the loop over the steps is.

A derivative at a point is that of the linear parts: in the place of the cell stands a step with an arbitrary linear
part, another one at every time, whose `backward` is its transpose. What is proven of it is proven of every cell that
computes each row of the batch by itself, and whose own step is proven. Two things are proven. The body of the loop,
with padding and without, for whatever is carried into it: the step of an induction over time. And the whole loop for
the first numbers of steps, in both directions, with padding and without: its sums, its order and its ends.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from lstm_ref import sequence
from lstm_ref.cells import Cell, Cotangents, Tape
from lstm_ref.shapes import Outputs
from lstm_ref.symbolic.arrays import Terms, stack
from lstm_ref.symbolic.axes import axis_of
from lstm_ref.symbolic.inputs import input_array, inputs
from lstm_ref.symbolic.prove import Proof, judge, paired, unproven
from lstm_ref.symbolic.sizes import CannotProve, size
from lstm_ref.symbolic.terms import MASK, Polynomial

STEPS = (1, 2, 3)
"""Numbers of steps for which the whole loop is proven."""
LENGTHS = np.array([3, 1, 0])
"""Rows of the padded loop, of max(LENGTHS) steps: one full, one short, one without a step."""


class Params(NamedTuple):
    """All that every step reads, as one row of numbers."""

    w: Any


class State(NamedTuple):
    """A state of two parts: the output, and one that only the next step reads."""

    h: Any
    c: Any


PARAMS, STATE, X = Params("M"), State("B H", "B H"), "B D"
SIZES = {letter: size(letter) for letter in "BDHM"}
OUT = {"h": "H", "c": "H"}
"""What a step computes, and the size of each."""
IN = {"w": "M", "h": "H", "c": "H", "x": "D"}
"""What a step reads, and the size of each."""


def linear_step(sizes: Mapping[str, Any]) -> Cell:
    """A cell whose step number t is linear, with coefficients of its own: those are its tape."""
    number = itertools.count(1)

    def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
        t = next(number)
        slopes = {(to, by): inputs(f"B {OUT[to]} {IN[by]}", sizes, f"∂{to}/∂{by}⁽{t}⁾") for to in OUT for by in IN}
        read = {"w": p.w, "h": state.h, "c": state.c, "x": x}
        new = {to: sum((slopes[to, by] * read[by][..., None, :]).sum(-1) for by in IN) for to in OUT}
        return State(**new), Tape(x, state, slopes)

    def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
        slopes = tape.nodes
        w, h, c, x = (sum((slopes[to, by] * getattr(bar, to)[..., None]).sum(-2) for to in OUT) for by in IN)
        return Cotangents(Params(w.sum(0)), State(h, c), x, None)

    return Cell("a linear step", "bptt", PARAMS, STATE, _no_values, forward, backward, x=X)


def _no_values(*_: Any) -> Any:
    raise CannotProve("the linear step has no values")


def prove_bptt(
    loop_backward: Callable[..., Any] = sequence.loop_backward,
    step_backward: Callable[..., Any] = sequence._step_backward,
) -> Proof:
    """Compares the loop's backward pass, and its body, with the derivative of the loop.

    Args:
        loop_backward: The backward pass of the whole loop.
        step_backward: Its body.

    Returns:
        The proof, or why there is none.
    """
    started = time.perf_counter()
    parts: list[Callable[[], _Pairs]] = [partial(_body, step_backward, keep) for keep in (None, _mask())]
    for reverse in (False, True):
        parts += [partial(_loop, loop_backward, T, reverse, False) for T in STEPS]
        parts.append(partial(_loop, loop_backward, int(LENGTHS.max()), reverse, True))
    found = []
    for part in parts:
        try:
            found.append(judge("BPTT", *part(), SAID, started))
        except CannotProve as error:
            return unproven("BPTT", str(error), started)
    differences = tuple(itertools.chain.from_iterable(one.differences for one in found))
    adjoints, terms = (sum(getattr(one, name) for one in found) for name in ("adjoints", "terms"))
    return Proof(
        name="BPTT",
        proven=not differences,
        adjoints=adjoints,
        terms=terms,
        kinks=(),
        sizes=SAID,
        differences=differences,
        why_not="",
        seconds=time.perf_counter() - started,
    )


SAID = "all B, D, H"
_Pairs = tuple[Polynomial, list[tuple[Any, Any]]]
"""Σ bar · output, and everything that is read, with its adjoint."""


def _mask() -> Terms:
    """Which rows are real at a step, (B, 1)."""
    return input_array("keep", (axis_of(SIZES["B"]), axis_of(1)), kind=MASK)


def _body(step_backward: Callable[..., Any], keep: Any) -> _Pairs:
    """A step of the loop, with any cotangent carried into it."""
    cell = linear_step(SIZES)
    p, state, x = inputs(PARAMS, SIZES), inputs(STATE, SIZES, "{}_prev"), inputs(X, SIZES, "x")
    new, output, tape = sequence._step(cell, p, state, x, keep)
    carried, h_bar = inputs(STATE, SIZES, "{}_carried"), inputs(STATE.h, SIZES, "output_bar")
    given = step_backward(cell, p, tape, h_bar, carried, keep)
    return paired((h_bar, carried), (output, new)), [(p, given.params), (state, given.prev), (x, given.x)]


def _loop(loop_backward: Callable[..., Any], T: int, reverse: bool, padded: bool) -> _Pairs:
    """The whole loop over T steps; padded, for as many rows as there are lengths."""
    read, bar, total = _forward_of_loop(T, reverse, padded)
    p, initial, xs = read[1:4]
    given = loop_backward(*read, bar, LENGTHS if padded else None, reverse)
    return total, [(p, given.params), (initial, given.initial), (xs, given.xs)]


@cache
def _forward_of_loop(T: int, reverse: bool, padded: bool) -> tuple[Any, Outputs, Polynomial]:
    """What every backward pass of the loop reads, the cotangents, and Σ bar · output. Kept for one after the other."""
    lengths = LENGTHS if padded else None
    sizes = SIZES if lengths is None else SIZES | {"B": len(lengths)}
    cell = linear_step(sizes)
    p, initial, final_bar = inputs(PARAMS, sizes), inputs(STATE, sizes, "{}_initial"), inputs(STATE, sizes, "{}_bar")
    xs, hs_bar = (
        stack([inputs(shape, sizes, f"{name}⁽{t}⁾") for t in range(T)])
        for name, shape in (("x", X), ("output_bar", STATE.h))
    )
    outputs, tapes = sequence.loop(cell, p, initial, xs, lengths, reverse)
    bar = Outputs(hs_bar, final_bar)
    return (cell, p, initial, xs, tapes), bar, paired(bar, outputs)
