"""Two recurrences over one sequence, one in each direction of time: edges BI1-BI2 forward, BI1*-BI2* backward.

derivations/bidirectional.md derives each. Conventions that bite: the output at a step combines both outputs *at that
step*, so the second recurrence has read the sequence from its end, and its final state is the one at the first step;
with lengths, it begins at the true end of each row. There are two cells, two sets of parameters and two states.
Source: Schuster and Paliwal, "Bidirectional recurrent neural networks", IEEE Trans. Signal Processing 45, 1997.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import jax

from lstm_ref.arithmetic import concatenate
from lstm_ref.cells import Cell
from lstm_ref.errors import BadInput
from lstm_ref.sequence import LOOP, Gradients, Through
from lstm_ref.shapes import Outputs

Merge = Literal["concat", "sum", "mean", "product"]


class Both(NamedTuple):
    """A pair for the two directions: of cells, parameters, states or outputs."""

    onward: Any
    """From the first step to the last."""
    back: Any
    """From the last to the first."""


class Tape(NamedTuple):
    """What `forward` leaves for `backward`."""

    tapes: Both
    hs: Both
    """Outputs of both directions, (T, B, H) each."""


def forward(
    cells: Both,
    p: Both,
    initial: Both,
    xs: Any,
    lengths: Any = None,
    merge: Merge = "concat",
    through: Through = LOOP,
) -> tuple[Outputs, Tape]:
    """Run both recurrences and merge their outputs.

    Args:
        cells: The two cells.
        p: Their parameters.
        initial: Their initial states, arrays (B, ...).
        xs: Inputs, (T, B, D).
        lengths: Integers (B,), the number of real steps of each row; by default T.
        merge: How both outputs become one: "concat", "sum", "mean" or "product".
        through: The way through time of each direction.

    Returns:
        The outputs, and the tape. hs is (T, B, 2H) for "concat", onward direction first, otherwise (T, B, H). The final
        state is a `Both`.

    Raises:
        BadInput: Shapes do not fit, or there is no such merge.
    """
    _check(cells, merge, p, initial)
    onward, onward_tapes = through.forward(cells.onward, p.onward, initial.onward, xs, lengths)  # BI1
    back, back_tapes = through.forward(cells.back, p.back, initial.back, xs, lengths, True)  # BI1
    hs = Both(onward.hs, back.hs)
    return Outputs(_merge_outputs(hs, merge), Both(onward.final, back.final)), Tape(Both(onward_tapes, back_tapes), hs)


def backward(
    cells: Both,
    p: Both,
    initial: Both,
    xs: Any,
    tape: Tape,
    bar: Outputs,
    lengths: Any = None,
    merge: Merge = "concat",
    through: Through = LOOP,
) -> Gradients:
    """The gradients of all that `forward` read.

    Args:
        cells, p, initial, xs, lengths, merge, through: As for `forward`.
        tape: The tape that `forward` returned.
        bar: Cotangents of the outputs.

    Returns:
        The gradients of p and initial, each a `Both`, and of xs.

    Raises:
        BadInput: Shapes do not fit.
    """
    _check(cells, merge, p, initial)
    if tuple(bar.hs.shape) != tuple(_merge_outputs(tape.hs, merge).shape):
        raise BadInput(
            f"bidirectional: the cotangent of hs must have shape {tuple(_merge_outputs(tape.hs, merge).shape)}, got "
            f"{tuple(bar.hs.shape)}"
        )
    if merge == "concat":
        H = tape.hs.onward.shape[-1]
        onward_bar, back_bar = bar.hs[..., :H], bar.hs[..., H:]  # BI2*
    elif merge == "product":
        onward_bar, back_bar = bar.hs * tape.hs.back, bar.hs * tape.hs.onward  # BI2*
    else:
        onward_bar, back_bar = bar.hs * _share(merge), bar.hs * _share(merge)  # BI2*
    onward = through.backward(
        *(cells.onward, p.onward, initial.onward, xs, tape.tapes.onward),
        *(Outputs(onward_bar, bar.final.onward), lengths),
    )
    back = through.backward(
        *(cells.back, p.back, initial.back, xs, tape.tapes.back),
        *(Outputs(back_bar, bar.final.back), lengths, True),
    )
    xs_bar = jax.tree.map(lambda a, b: a + b, onward.xs, back.xs)  # BI1*  x has two readers: both directions
    return Gradients(Both(onward.params, back.params), Both(onward.initial, back.initial), xs_bar)


def _merge_outputs(hs: Both, merge: Merge) -> Any:
    """The outputs of both directions as one array."""
    if merge == "concat":
        return concatenate(hs, axis=-1)  # BI2
    if hs.onward.shape != hs.back.shape:
        raise BadInput(
            f"bidirectional: merge {merge!r} needs outputs of one size, got {hs.onward.shape[-1]} and "
            f"{hs.back.shape[-1]}"
        )
    return hs.onward * hs.back if merge == "product" else (hs.onward + hs.back) * _share(merge)  # BI2


def _share(merge: Merge) -> float:
    """The weight of each direction's output."""
    return 0.5 if merge == "mean" else 1.0


def _check(cells: Both, merge: str, p: Both, initial: Both) -> None:
    for name, both in (("cells", cells), ("parameters", p), ("initial states", initial)):
        if not isinstance(both, Both):
            raise BadInput(f"bidirectional: {name} must be Both(onward, back), got {type(both).__name__}")
    if merge not in Merge.__args__:  # type: ignore[attr-defined]
        raise BadInput(f"merge must be one of {', '.join(Merge.__args__)}, got {merge!r}")  # type: ignore[attr-defined]
    for cell in cells:
        if not isinstance(cell, Cell):
            raise BadInput(f"cells must be Both(onward, back) of two cells, got {type(cell).__name__} for one")
