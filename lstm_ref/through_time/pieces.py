"""A sequence in pieces: state carried over, or BPTT with recomputation: edge PC1 forward, PC1* backward.

derivations/pieces.md derives it. `forward` keeps only the state before every piece; `backward` recomputes the tapes of
a piece when it reaches it. So for T steps in pieces of k, T/k states and k tapes are held at a time, where BPTT holds T
tapes; the price is one more forward pass. If the k steps arrive as batches of their own, this is the gradient of
training with a carried ("stateful") state; most libraries cut the gradient there (`sequence.truncated`).

Source: Chen, Xu, Zhang and Guestrin, "Training deep nets with sublinear memory cost", 2016, section 4.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax

from lstm_ref.arithmetic import concatenate
from lstm_ref.cells import Cell
from lstm_ref.errors import BadInput
from lstm_ref.padding import integers
from lstm_ref.sequence import LOOP, Gradients, Through
from lstm_ref.shapes import Outputs, check, check_bar, is_whole


def in_pieces(every: int, through: Through = LOOP) -> Through:
    """The way through time in pieces of `every` steps, which keeps only the states between them.

    Args:
        every: Steps of a piece; the last piece has what remains.
        through: The way in which each piece runs.

    Returns:
        The way, with the arguments of the loop.

    Example:
        >>> from lstm_ref.sequence import SCAN
        >>> forward, backward = in_pieces(10, SCAN)
    """
    return Through(partial(forward, every=every, through=through), partial(backward, every=every, through=through))


def forward(
    cell: Cell,
    p: Any,
    initial: Any,
    xs: Any,
    lengths: Any = None,
    reverse: bool = False,
    *,
    every: int,
    through: Through = LOOP,
) -> tuple[Outputs, list[Any]]:
    """Run the cell and keep only the state before every piece.

    Args:
        cell: Any cell.
        p: Its parameters.
        initial: The state before the first step, arrays (B, ...).
        xs: Inputs, (T, B, D).
        lengths: Integers (B,), the number of real steps of each row; by default T.
        reverse: Whether the steps run from the last to the first.
        every: Steps of a piece.
        through: The way through time within a piece.

    Returns:
        The outputs, and the state before every piece, in the order of processing.

    Raises:
        BadInput: Shapes do not fit, or `every` is below 1.
    """
    check(cell, p, initial, xs, lengths, reverse)
    hs, befores, state = [], [], initial
    for piece in _pieces(xs, every, reverse):
        befores.append(state)
        outputs, _ = through.forward(cell, p, state, *_of(piece, xs, lengths), reverse)  # PC1
        hs.append(outputs.hs)
        state = outputs.final  # PC1
    return Outputs(concatenate(hs[::-1] if reverse else hs), state), befores


def backward(
    cell: Cell,
    p: Any,
    initial: Any,
    xs: Any,
    befores: list[Any],
    bar: Outputs,
    lengths: Any = None,
    reverse: bool = False,
    *,
    every: int,
    through: Through = LOOP,
) -> Gradients:
    """Full BPTT, piece by piece from the last to the first.

    Args:
        cell, p, initial, xs, lengths, reverse, every, through: As for `forward`.
        befores: The states that `forward` returned.
        bar: Cotangents of the outputs: hs (T, B, H) and the final state (B, ...).

    Returns:
        The gradients of p, initial and xs.

    Raises:
        BadInput: Shapes do not fit, or the states belong to other pieces.
    """
    check_bar(cell, p, initial, xs, bar, lengths, reverse)
    pieces = _pieces(xs, every, reverse)
    if len(pieces) != len(befores):
        raise BadInput(f"the states before {len(befores)} pieces were kept, and every={every} makes {len(pieces)}")
    state_bar, params_bar, xs_bar = bar.final, jax.tree.map(lambda v: v * 0, p), []
    for piece, before in zip(reversed(pieces), reversed(befores), strict=True):
        xs_of, lengths_of = _of(piece, xs, lengths)
        _, tapes = through.forward(cell, p, before, xs_of, lengths_of, reverse)  # PC1, recomputed
        bar_of = Outputs(bar.hs[piece], state_bar)
        given = through.backward(cell, p, before, xs_of, tapes, bar_of, lengths_of, reverse)
        state_bar = given.initial  # PC1*  a piece begins with the state that the one before ended with
        params_bar = jax.tree.map(lambda a, b: a + b, params_bar, given.params)  # PC1*
        xs_bar.append(given.xs)
    in_place = xs_bar if reverse else xs_bar[::-1]
    return Gradients(params_bar, state_bar, jax.tree.map(lambda *v: concatenate(v), *in_place))


def _pieces(xs: Any, every: int, reverse: bool) -> list[slice]:
    """The pieces in the order of processing; for no steps, one empty piece."""
    if not is_whole(every):
        raise BadInput(f"a piece must have at least one step, and whole ones, got every={every!r}")
    T = jax.tree.leaves(xs)[0].shape[0]
    pieces = [slice(start, min(start + every, T)) for start in range(0, max(T, 1), every)]
    return pieces[::-1] if reverse else pieces


def _of(piece: slice, xs: Any, lengths: Any) -> tuple[Any, Any]:
    """The inputs of a piece, and how many of its steps are real."""
    real = None if lengths is None else integers(lengths).clip(piece.start, piece.stop) - piece.start
    return jax.tree.map(lambda v: v[piece], xs), real
