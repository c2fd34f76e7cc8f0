"""A sequence in pieces: state carried over, or BPTT with recomputation: edge PC1 forward, PC1* backward.

derivations/pieces.md derives it. `forward` keeps the state before every piece and nothing else; `backward` makes the
tapes of a piece again when it comes to it. So of T steps in pieces of k, T/k states and k tapes are held at a time
where BPTT holds T tapes, for one more forward pass. With k steps that come as a batch of their own, it is the gradient
of training with a carried ("stateful") state; most libraries cut it there (`sequence.truncated`).

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
from lstm_ref.sequence import LOOP, Gradients, Outputs, Through, check, check_bar, is_whole


def in_pieces(every: int, through: Through = LOOP) -> Through:
    """The way through time that takes `every` steps at once, those in turn by `through`."""
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
    """Outputs, and the state before every piece of `every` steps, in the order of processing. xs (T, B, D).

    Raises BadInput where shapes do not fit, or `every` is below 1.
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
    """Full BPTT, piece by piece from the last to the first, given the cotangents `bar` of the outputs."""
    check_bar(cell, p, initial, xs, bar, lengths, reverse)
    pieces = _pieces(xs, every, reverse)
    if len(pieces) != len(befores):
        raise BadInput(f"the states before {len(befores)} pieces were kept, and every={every} makes {len(pieces)}")
    state_bar, params_bar, xs_bar = bar.final, jax.tree.map(lambda v: v * 0, p), []
    for piece, before in zip(reversed(pieces), reversed(befores), strict=True):
        xs_of, lengths_of = _of(piece, xs, lengths)
        _, tapes = through.forward(cell, p, before, xs_of, lengths_of, reverse)  # PC1, made again
        bar_of = Outputs(bar.hs[piece], state_bar)
        given = through.backward(cell, p, before, xs_of, tapes, bar_of, lengths_of, reverse)
        state_bar = given.initial  # PC1*  what the piece began with is what the one before it ended with
        params_bar = jax.tree.map(lambda a, b: a + b, params_bar, given.params)  # PC1*
        xs_bar.append(given.xs)
    in_place = xs_bar if reverse else xs_bar[::-1]
    return Gradients(params_bar, state_bar, jax.tree.map(lambda *v: concatenate(v), *in_place))


def _pieces(xs: Any, every: int, reverse: bool) -> list[slice]:
    """In the order of processing; of no step, one piece of none."""
    if not is_whole(every):
        raise BadInput(f"a piece must have at least one step, and whole ones, got every={every!r}")
    T = jax.tree.leaves(xs)[0].shape[0]
    pieces = [slice(start, min(start + every, T)) for start in range(0, max(T, 1), every)]
    return pieces[::-1] if reverse else pieces


def _of(piece: slice, xs: Any, lengths: Any) -> tuple[Any, Any]:
    """The inputs of a piece, and how many of its steps are real."""
    real = None if lengths is None else integers(lengths).clip(piece.start, piece.stop) - piece.start
    return jax.tree.map(lambda v: v[piece], xs), real
