"""The LSTM through time, arranged for speed: edges FL1-FL3 forward, FL3*-FL5* backward around the cell's own L1-L5.

derivations/fast_lstm.md derives each and measures the gain. The sequence is cut into pieces so short that a piece's
results are still in the cache when they are read again. In a piece, the input product is computed before the loop over
its steps and the weights' gradients after it, one product each; the loop contains only what depends on the previous
step. Gates and states are kept, tanh(c) is recomputed; every step writes its results to their final place. Conventions
that bite: the tape is in the order of processing and has one more state than steps; LSTM only; JAX arrays of one dtype.

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
from lstm_ref.padding import choose, integers, keep_of
from lstm_ref.sequence import Gradients, Through
from lstm_ref.shapes import Outputs, as_rows, check, check_bar, check_dtypes, is_whole

CACHE = 2**20
"""Bytes for the pre-activations of a piece: the size of a core's own cache."""
ROWS = 512
"""Least number of rows (steps times batch) of a piece. The sum of the kernels' gradients is read and written once per
piece; with fewer rows this costs more than the cache saves. Both numbers are measured, `python -m benchmarks
pieces`."""


class Tape(NamedTuple):
    """What `forward` leaves for `backward`, in the order of processing."""

    states: State
    """States before every step, and after the last, (T + 1, B, H)."""
    gates: tuple[Any, Any, Any, Any]
    """i, f, g, o of every step, (T, B, H)."""


def with_pieces_of(every: int) -> Through:
    """The fast LSTM in pieces of another length than the one that `FAST` chooses.

    Args:
        every: Steps of a piece; the last piece has what remains.

    Returns:
        The way, with the arguments of the loop.

    Raises:
        BadInput: `every` is not a whole number of at least 1.
    """
    if not is_whole(every):
        raise BadInput(f"a piece must have at least one step, and whole ones, got every={every!r}")
    return Through(partial(forward, every=int(every)), partial(backward, every=int(every)))


def forward(
    cell: Cell,
    p: Params,
    initial: State,
    xs: Any,
    lengths: Any = None,
    reverse: bool = False,
    *,
    every: int | None = None,
) -> tuple[Outputs, Tape]:
    """Run the LSTM, with outputs as from `sequence.scan`.

    Args:
        cell: The LSTM.
        p: Its parameters.
        initial: The state before the first step, arrays (B, ...).
        xs: Inputs, (T, B, D).
        lengths: Integers (B,), the number of real steps of each row; by default T.
        reverse: Whether the steps run from the last to the first.
        every: Steps of a piece; by default as many as fit into the cache.

    Returns:
        The outputs, and the tape.

    Raises:
        BadInput: Shapes or dtypes do not fit, or the cell is not the LSTM.
    """
    _check_cell(cell)
    check(cell, p, initial, xs, lengths, reverse)
    check_dtypes(p, initial, xs)
    return _forward(p, initial, xs, integers(lengths), reverse, every)


def backward(
    cell: Cell,
    p: Params,
    initial: State,
    xs: Any,
    tape: Tape,
    bar: Outputs,
    lengths: Any = None,
    reverse: bool = False,
    *,
    every: int | None = None,
) -> Gradients:
    """Full BPTT.

    Args:
        cell, p, initial, xs, lengths, reverse, every: As for `forward`.
        tape: The tape that `forward` returned.
        bar: Cotangents of the outputs: hs (T, B, H) and the final state (B, ...).

    Returns:
        The gradients of p, initial and xs.

    Raises:
        BadInput: Shapes do not fit, or the tape has another number of steps.
    """
    _check_cell(cell)
    check_bar(cell, p, initial, xs, bar, lengths, reverse)
    check_dtypes(p, initial, xs, bar)
    states, wanted = tape.states.h.shape, (len(xs) + 1, *initial.h.shape)
    if states != wanted:  # JAX would read a step beyond the end as the last one
        raise BadInput(f"{cell.name}: the tape's states must have shape {wanted}, one more than steps, got {states}")
    return _backward(cell, p, xs, tape, bar, integers(lengths), reverse, every)


FAST = Through(forward, backward)
"""The LSTM, arranged for speed."""


@partial(jax.jit, static_argnames=("reverse", "every"))
def _forward(
    p: Params, initial: State, xs: Any, lengths: Any, reverse: bool, every: int | None = None
) -> tuple[Outputs, Tape]:
    keep = keep_of(len(xs), lengths)
    steps = _in_order((xs if keep is None else choose(keep, xs, 0), keep), reverse)
    times_w_h = _times(p.w_h, len(initial.h))

    def piece(k: int, carry: Any, _: None) -> tuple[Any, None]:
        xs, keep = _span(steps, carry[0], k)
        # Gate by gate: if XLA's loop had to cut the gates out of one array, a step would take several times as long.
        a_xs = split_gates(xs @ p.w_x + p.b)  # FL1
        return jax.lax.scan(step, carry, (a_xs, keep))[0], None

    def step(carry: Any, now: Any) -> tuple[Any, None]:
        (t, state, tape), (a_x, keep) = carry, now
        a_i, a_f, a_g, a_o = map(jnp.add, a_x, split_gates(times_w_h(state.h)))  # FL2
        i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)  # L2
        c = f * state.c + i * g  # L3
        u = tanh(c)  # L4
        h = o * u  # L5
        new = State(h, c) if keep is None else choose(keep, State(h, c), state)  # T2
        return (t + 1, new, Tape(_put(tape.states, t + 1, new), _put(tape.gates, t, (i, f, g, o)))), None

    carry = 0, initial, _empty(len(xs), initial)
    for number, k in _pieces(xs, initial.h, every):
        carry, _ = jax.lax.scan(partial(piece, k), carry, None, number)
    _, final, tape = carry
    hs = _in_order(tape.states.h[1:], reverse)
    return Outputs(hs if keep is None else choose(keep, hs, 0), final), tape  # T2


@partial(jax.jit, static_argnames=("cell", "reverse", "every"))
def _backward(
    cell: Cell,
    p: Params,
    xs: Any,
    tape: Tape,
    bar: Outputs,
    lengths: Any,
    reverse: bool,
    every: int | None = None,
) -> Gradients:
    keep = keep_of(len(xs), lengths)
    steps = _in_order((xs if keep is None else choose(keep, xs, 0), bar.hs, keep), reverse)
    times_w_h = _times(p.w_h.T, xs.shape[1])
    carry = len(xs), Gradients(jax.tree.map(lambda v: v * 0, p), bar.final, jnp.zeros_like(xs))
    for number, k in reversed(_pieces(xs, bar.final.h, every)):
        back = partial(_piece_backward, cell, p, times_w_h, tape, steps, k)
        carry, _ = jax.lax.scan(back, carry, None, number)
    given = carry[1]
    xs_bar = _in_order(given.xs, reverse)  # FL5*
    return given._replace(xs=xs_bar)


def _piece_backward(
    cell: Cell, p: Params, times_w_h: Any, tape: Tape, steps: Any, k: int, carry: tuple[Any, Gradients], _: None
) -> tuple[tuple[Any, Gradients], None]:
    """(First step of a piece, gradients from there on), given (the step after the piece, gradients after it)."""
    (end, after), (xs, hs_bar, keep) = carry, steps
    step = partial(_step_backward, cell, p, times_w_h, tape, hs_bar, keep)
    (start, state_bar), a_bars = jax.lax.scan(step, (end, after.initial), None, k, reverse=True)
    prev_h, xs = _span((tape.states.h, xs), start, k)
    a_bar, H = as_rows(a_bars), prev_h.shape[-1]
    w_bar = as_rows(jnp.concatenate((prev_h, xs), axis=-1)).T @ a_bar  # FL4*
    b_bar = a_bar.sum(0)  # FL4*
    p_bar = Params(after.params.w_x + w_bar[H:], after.params.w_h + w_bar[:H], after.params.b + b_bar)  # FL4*
    xs_bar = _put(after.xs, start, a_bars @ p.w_x.T)  # FL5*
    return (start, Gradients(p_bar, state_bar, xs_bar)), None


def _step_backward(
    cell: Cell, p: Params, times_w_h: Any, tape: Tape, hs_bar: Any, keep: Any, carry: tuple[Any, State], _: None
) -> tuple[tuple[Any, State], Any]:
    """((Step, cotangent of the state before it), cotangent of its pre-activations), given (next step, cotangent of the
    state after)."""
    t, state_bar = carry[0] - 1, carry[1]
    (i, f, g, o), prev, h_bar, keep = _at((tape.gates, tape.states, hs_bar, keep), t)
    bar = State(state_bar.h + h_bar, state_bar.c)  # T1*
    bar = bar if keep is None else choose(keep, bar, 0)  # T2*
    c = _at(tape.states.c, t + 1)
    u = tanh(c)  # L4, recomputed
    given = cell.backward(p, Step(prev.h[:, :0], prev, Nodes(None, i, f, g, o, c, u, None)), bar)  # L5 to L2, backward
    prev_bar = State(times_w_h(given.nodes.a), given.prev.c)  # FL3*
    return (t, prev_bar if keep is None else choose(keep, prev_bar, state_bar)), given.nodes.a  # T2*


@partial(jax.jit, static_argnames="reverse")
def _outputs(p: Params, initial: State, xs: Any, lengths: Any, reverse: bool) -> Outputs:
    """Only the outputs of `forward`: compiled by itself, it does not write the rest of the tape."""
    return _forward(p, initial, xs, lengths, reverse)[0]


@partial(jax.custom_vjp, nondiff_argnums=(4,))
def _bptt(p: Params, initial: State, xs: Any, lengths: Any, reverse: bool) -> Outputs:
    return _outputs(p, initial, xs, lengths, reverse)


def _bptt_forward(p: Params, initial: State, xs: Any, lengths: Any, reverse: bool) -> tuple[Outputs, Any]:
    outputs, tape = _forward(p, initial, xs, lengths, reverse)
    return outputs, (p, xs, tape, lengths)


def _bptt_backward(reverse: bool, kept: Any, bar: Outputs) -> tuple[Any, Any, Any, None]:
    p, xs, tape, lengths = kept
    gradients = _backward(lstm, p, xs, tape, bar, lengths, reverse)
    return gradients.params, gradients.initial, gradients.xs, None


_bptt.defvjp(_bptt_forward, _bptt_backward)


def bptt(p: Params, initial: State, xs: Any, lengths: Any = None, reverse: bool = False) -> Outputs:
    """As `sequence.bptt` for the LSTM, but faster: its JAX derivative is `backward`.

    Args:
        p: Parameters of the LSTM.
        initial: The state before the first step, arrays (B, H).
        xs: Inputs, (T, B, D).
        lengths: Integers (B,), the number of real steps of each row; by default T.
        reverse: Whether the steps run from the last to the first.

    Returns:
        The outputs, differentiable by JAX.

    Raises:
        BadInput: Shapes or dtypes do not fit.

    Example:
        >>> import numpy as np
        >>> from lstm_ref.cells import lstm
        >>> p = lstm.initial_parameters(np.random.default_rng(0), 3, 4)
        >>> initial = type(lstm.state_shapes(2, 4))(np.zeros((2, 4)), np.zeros((2, 4)))
        >>> bptt(p, initial, np.zeros((5, 2, 3))).hs.shape
        (5, 2, 4)
    """
    check(lstm, p, initial, xs, lengths, reverse)
    check_dtypes(p, initial, xs)
    return _bptt(p, initial, xs, integers(lengths), reverse)


def _check_cell(cell: Cell) -> None:
    if getattr(cell, "name", "lstm") != "lstm":  # what is no cell, `check` will say
        raise BadInput(
            f"this way through time is only for the LSTM, got the cell {cell.name}: sequence.bptt takes any cell"
        )


# ------------------------------------------------------------------------------------------------- arrangement


def _times(w: Any, B: int) -> Any:
    """v ↦ v w, for v (B, K). A single row is multiplied in blocks of K, one product per core."""
    number = gcd(len(w), os.cpu_count() or 1) if B == 1 and jax.default_backend() == "cpu" else 1
    if number == 1:
        return lambda v: v @ w
    blocks = w.reshape(number, -1, w.shape[1])
    return lambda v: jnp.einsum("jk,jkn->jn", v.reshape(number, -1), blocks).sum(0)[None]  # FL2


def _pieces(xs: Any, h: Any, every: int | None) -> list[tuple[int, int]]:
    """(Number of pieces, steps of each), in the order of processing: pieces of one length, and a shorter last one."""
    T, (B, H) = len(xs), h.shape
    every = every or piece_length(T, B, H, h.dtype.itemsize)
    return [(number, k) for number, k in ((T // every, every), (1, T % every)) if number * k]


def piece_length(T: int, B: int, H: int, itemsize: int) -> int:
    """Steps of a piece: as many as fit into the cache, or up to √2 times more or fewer if that avoids a shorter last
    piece.

    A GPU gets all steps as one piece: there, larger products are faster.
    """
    if jax.default_backend() != "cpu":
        return max(1, T)
    fit = max(CACHE // max(1, 4 * B * H * itemsize), -(-ROWS // max(1, B)), 1)
    near = [k for k in range(1, T + 1) if T % k == 0 and fit**2 <= 2 * k**2 <= 4 * fit**2]
    return min(near, key=lambda k: max(k / fit, fit / k), default=max(1, min(T, fit)))


def _empty(T: int, initial: State) -> Tape:
    """An empty tape for T steps."""
    states = jax.tree.map(lambda v: jnp.broadcast_to(v, (T + 1, *v.shape)), initial)
    gate = jnp.zeros((T, *initial.h.shape), initial.h.dtype)
    return Tape(states, (gate, gate, gate, gate))


def _in_order(steps: Any, reverse: bool) -> Any:
    """(T, ...) from the order of time to the order of processing, or back."""
    return jax.tree.map(lambda v: v[::-1], steps) if reverse else steps


def _at(steps: Any, t: Any) -> Any:
    """Step t of (T, ...)."""
    return jax.tree.map(lambda v: jax.lax.dynamic_index_in_dim(v, t, keepdims=False), steps)


def _span(steps: Any, start: Any, k: int) -> Any:
    """The k steps from `start` on of (T, ...)."""
    return jax.tree.map(lambda v: jax.lax.dynamic_slice_in_dim(v, start, k), steps)


def _put(steps: Any, t: Any, new: Any) -> Any:
    """(T, ...) with step t, or the steps from t on, replaced."""

    def put(v: Any, one: Any) -> Any:
        return jax.lax.dynamic_update_slice_in_dim(v, one if one.ndim == v.ndim else one[None], t, 0)

    return jax.tree.map(put, steps, new)
