"""The LSTM through time, arranged for speed: edges FL1-FL3 forward, FL3*-FL5* backward around the cell's own L1-L5.

derivations/fast_lstm.md derives each and measures what it gives. The sequence is cut into pieces so short that what a
piece computes is still in the cache when it is read again. In a piece, the input product is made before the loop over
its steps, and the weights' gradients after it, one product each; the loop holds what depends on the step before, and
nothing else. Gates and states are kept, tanh(c) is made again. Conventions that bite: the tape has the pieces first,
(pieces, steps, B, ...), and a shorter last piece apart; LSTM only; JAX arrays of one dtype.

Source: the products outside the loop, Appleyard, Kocisky and Blunsom, "Optimizing performance of recurrent neural
networks on GPUs", 2016.
"""

from __future__ import annotations

import os
from functools import partial
from math import gcd
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstm_ref.arithmetic import sigmoid, tanh
from lstm_ref.cells import Cell, lstm
from lstm_ref.cells import Tape as Step
from lstm_ref.cells.lstm import Nodes, Params, State, split_gates
from lstm_ref.errors import BadInput
from lstm_ref.padding import choose, counted, keep_of
from lstm_ref.sequence import Gradients, Outputs, Through, check, check_bar, check_dtypes

CACHE = 2**20
"""Bytes that the pre-activations of a piece may take: a core's own cache."""
ROWS = 256
"""Rows of a piece at least: the sum of the kernels' gradients is read and written once a piece, and with fewer rows
that costs more than it saves to stay in the cache. Both measured, `python -m benchmarks pieces`."""


class Tape(NamedTuple):
    """What `forward` leaves for `backward`, for pieces of as many steps: (pieces, steps, B, ...)."""

    before: State
    """State before every piece, (pieces, B, H)."""
    after: State
    """State after every step."""
    gates: tuple[Any, Any, Any, Any]
    """i, f, g, o of every step."""


def in_pieces(every: int) -> Through:
    """The way through time in pieces of so many steps."""
    return Through(partial(forward, every=every), partial(backward, every=every))


def forward(
    cell: Cell,
    p: Params,
    initial: State,
    xs: Any,
    lengths: Any = None,
    reverse: bool = False,
    *,
    every: int | None = None,
) -> tuple[Outputs, list[Tape]]:
    """Outputs as by `sequence.scan`, and the tapes. xs (T, B, D).

    Raises BadInput where shapes or dtypes do not fit, or the cell is not the LSTM.
    """
    _check(cell, p, initial, xs, lengths)
    return _forward(p, initial, xs, None if lengths is None else counted(lengths, 0, 0), reverse, every)


def backward(
    cell: Cell,
    p: Params,
    initial: State,
    xs: Any,
    tapes: list[Tape],
    bar: Outputs,
    lengths: Any = None,
    reverse: bool = False,
    *,
    every: int | None = None,
) -> Gradients:
    """Full BPTT, given the cotangents `bar` of the outputs."""
    check_bar(cell, initial, xs, bar)
    return _backward(cell, p, xs, tapes, bar, None if lengths is None else counted(lengths, 0, 0), reverse, every)


FAST = Through(forward, backward)
"""The LSTM, arranged for speed."""


@partial(jax.jit, static_argnames=("reverse", "every"))
def _forward(
    p: Params, initial: State, xs: Any, lengths: Any, reverse: bool, every: int | None = None
) -> tuple[Outputs, list[Tape]]:
    times_w_h = _times(p.w_h, len(initial.h))

    def piece(before: State, now: Any) -> tuple[State, Tape]:
        xs, keep = now
        a_xs = xs @ p.w_x + p.b  # FL1
        after, (states, gates) = jax.lax.scan(step, before, (a_xs, keep))
        return after, Tape(before, states, gates)

    def step(state: State, now: Any) -> tuple[State, Any]:
        a_x, keep = now
        a_i, a_f, a_g, a_o = split_gates(a_x + times_w_h(state.h))  # FL2
        i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)  # L2
        c = f * state.c + i * g  # L3
        u = tanh(c)  # L4
        h = o * u  # L5
        new = State(h, c) if keep is None else choose(keep, State(h, c), state)  # T2
        return new, (new, (i, f, g, o))

    keep = keep_of(len(xs), lengths)
    xs = xs if keep is None else choose(keep, xs, 0)
    state, tapes = initial, []
    for pieces in _in_pieces((xs, keep), initial.h, reverse, every):
        state, tape = jax.lax.scan(piece, state, pieces)
        tapes.append(tape)
    hs = _in_place([tape.after.h for tape in tapes], reverse)
    return Outputs(hs if keep is None else choose(keep, hs, 0), state), tapes  # T2


@partial(jax.jit, static_argnames=("cell", "reverse", "every"))
def _backward(
    cell: Cell,
    p: Params,
    xs: Any,
    tapes: list[Tape],
    bar: Outputs,
    lengths: Any,
    reverse: bool,
    every: int | None = None,
) -> Gradients:
    keep = keep_of(len(xs), lengths)
    xs = xs if keep is None else choose(keep, xs, 0)
    carry = bar.final, jax.tree.map(lambda v: v * 0, p)
    xs_bar: list[Any] = []
    pieces = _in_pieces((xs, bar.hs, keep), bar.final.h, reverse, every)
    back = partial(_piece_backward, cell, p, _times(p.w_h.T, xs.shape[1]))
    for tape, given in reversed(list(zip(tapes, pieces, strict=True))):
        carry, x_bars = jax.lax.scan(back, carry, (tape, *given), reverse=True)
        xs_bar.insert(0, x_bars)
    (state_bar, p_bar), in_place = carry, _in_place(xs_bar, reverse)
    return Gradients(p_bar, state_bar, in_place if keep is None else choose(keep, in_place, 0))


def _piece_backward(cell: Cell, p: Params, times_w_h: Any, carry: Any, now: Any) -> tuple[Any, Any]:
    """((cotangent of the state before a piece, of the parameters so far), of its inputs), given those after it."""
    (state_bar, p_bar), (tape, xs, hs_bar, keep) = carry, now
    prev = State(*(jnp.concatenate((v[None], vs[:-1])) for v, vs in zip(tape.before, tape.after, strict=True)))
    steps = tape.gates, tape.after.c, prev, hs_bar, keep
    state_bar, a_bars = jax.lax.scan(partial(_step_backward, cell, p, times_w_h), state_bar, steps, reverse=True)
    a_bar, H = _rows(a_bars), prev.h.shape[-1]
    w_bar = _rows(jnp.concatenate((prev.h, xs), axis=-1)).T @ a_bar  # FL4*
    b_bar = a_bar.sum(0)  # FL4*
    xs_bar = a_bars @ p.w_x.T  # FL5*
    p_bar = Params(p_bar.w_x + w_bar[H:], p_bar.w_h + w_bar[:H], p_bar.b + b_bar)  # FL4*
    return (state_bar, p_bar), xs_bar


def _step_backward(cell: Cell, p: Params, times_w_h: Any, state_bar: State, now: Any) -> tuple[State, Any]:
    """Cotangents of the state before a step and of its pre-activations, given that of the state after it."""
    (i, f, g, o), c, prev, h_bar, keep = now
    bar = State(state_bar.h + h_bar, state_bar.c)  # T1*
    bar = bar if keep is None else choose(keep, bar, 0)  # T2*
    u = tanh(c)  # L4, made again
    given = cell.backward(p, Step(prev.h[:, :0], prev, Nodes(None, i, f, g, o, c, u, None)), bar)  # L5 to L2, backward
    prev_bar = State(times_w_h(given.nodes.a), given.prev.c)  # FL3*
    return prev_bar if keep is None else choose(keep, prev_bar, state_bar), given.nodes.a  # T2*


@partial(jax.custom_vjp, nondiff_argnums=(4,))
def _bptt(p: Params, initial: State, xs: Any, lengths: Any, reverse: bool) -> Outputs:
    return _forward(p, initial, xs, lengths, reverse)[0]


def _bptt_forward(p: Params, initial: State, xs: Any, lengths: Any, reverse: bool) -> tuple[Outputs, Any]:
    outputs, tapes = _forward(p, initial, xs, lengths, reverse)
    return outputs, (p, xs, tapes, lengths)


def _bptt_backward(reverse: bool, kept: Any, bar: Outputs) -> tuple[Any, Any, Any, None]:
    p, xs, tapes, lengths = kept
    gradients = _backward(lstm, p, xs, tapes, bar, lengths, reverse)
    return gradients.params, gradients.initial, gradients.xs, None


_bptt.defvjp(_bptt_forward, _bptt_backward)


def bptt(p: Params, initial: State, xs: Any, lengths: Any = None, reverse: bool = False) -> Outputs:
    """As `sequence.bptt` of the LSTM, and faster: its JAX derivative is `backward`. xs (T, B, D).

    Raises BadInput where shapes or dtypes do not fit each other.
    """
    _check(lstm, p, initial, xs, lengths)
    return _bptt(p, initial, xs, lengths, reverse)


def _check(cell: Cell, p: Params, initial: State, xs: Any, lengths: Any) -> None:
    if cell.name != lstm.name:
        raise BadInput(f"this way through time is the LSTM's, got the cell {cell.name}: sequence.bptt is for any cell")
    check(cell, p, initial, xs, lengths)
    check_dtypes(p, initial, xs)


# ------------------------------------------------------------------------------------------------- arrangement


def _times(w: Any, B: int) -> Any:
    """v ↦ v w, for v (B, K). One row is multiplied in as many blocks of K as there are cores, one product a core."""
    number = gcd(len(w), os.cpu_count() or 1) if B == 1 and jax.default_backend() == "cpu" else 1
    if number == 1:
        return lambda v: v @ w
    blocks = w.reshape(number, -1, w.shape[1])
    return lambda v: jnp.einsum("jk,jkn->jn", v.reshape(number, -1), blocks).sum(0)[None]  # FL2


def _in_pieces(steps: Any, h: Any, reverse: bool, every: int | None) -> list[Any]:
    """In the order of processing, (T, ...) as (pieces, steps, ...): those of one length, and a shorter last one."""
    T = len(jax.tree.leaves(steps)[0])
    B, H = h.shape
    every = every or piece_length(T, B, H, h.dtype.itemsize)
    in_order = jax.tree.map(lambda v: v[::-1], steps) if reverse else steps
    whole = T - T % every
    pieces = [jax.tree.map(lambda v: v[:whole].reshape(whole // every, every, *v.shape[1:]), in_order)]
    return pieces if whole == T else [*pieces, jax.tree.map(lambda v: v[None, whole:], in_order)]


def piece_length(T: int, B: int, H: int, itemsize: int) -> int:
    """Steps of a piece: as many as fit, or up to half as many where that leaves no shorter last piece.

    A GPU gets all steps as one piece: there a product is the faster the larger it is.
    """
    if jax.default_backend() != "cpu":
        return max(1, T)
    fit = max(CACHE // max(1, 4 * B * H * itemsize), -(-ROWS // max(1, B)))
    fit = max(1, min(T, fit))
    return next((k for k in range(fit, fit // 2, -1) if T % k == 0), fit)


def _in_place(pieces: list[Any], reverse: bool) -> Any:
    """(T, B, ...) of what has the pieces first, in the order of processing."""
    steps = [_rows(v) for v in pieces]
    in_order = steps[0] if len(steps) == 1 else jnp.concatenate(steps)
    return in_order[::-1] if reverse else in_order


def _rows(steps: Any) -> Any:
    """The first two axes as one."""
    return steps.reshape(len(steps) * steps.shape[1], *steps.shape[2:])
