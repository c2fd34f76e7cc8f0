"""mLSTM over many steps at once, like attention: edges MC1-MC7 forward, MC1*-MC7* backward.

derivations/mlstm_parallel.md derives each; derivations/mlstm.md derives a single step. A query reads every earlier
step's key and value, and the initial memory, each with its weight W; only the last memory is computed.
The chunkwise form is `pieces` of this one (`through=PARALLEL`), and pieces of one step are the recurrence. Conventions
that bite: weights are (B, N, T, 1 + T), with the initial memory in the first column; the stabiliser of a step cancels
in every output, so only that of the last step has a cotangent.

Source: Beck et al., "xLSTM: extended long short-term memory", NeurIPS 2024, appendix A.3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate, exp, log_sigmoid, maximum, sigmoid, step, where
from lstm_ref.cells import Cell
from lstm_ref.cells.mlstm import Params, State, scales
from lstm_ref.errors import BadInput
from lstm_ref.padding import at_the_end, choose, counted, flipped, is_last, keep_of
from lstm_ref.sequence import Gradients, Through
from lstm_ref.shapes import Outputs, as_rows, check, check_bar


class Tape(NamedTuple):
    """What `forward` leaves for `backward`; all shapes are (B, N, T, ...), heads before time."""

    q: Any
    """Queries, scaled, (B, N, T, H)."""
    k: Any
    """Keys, scaled."""
    v: Any
    """Values."""
    a_f: Any
    """Forget gates before their activation, (B, N, T)."""
    w: Any
    """Weights, (B, N, T, 1 + T)."""
    largest: Any
    """The column whose logarithm is the stabiliser at the last step: one-hot, (B, N, 1 + T)."""
    u: Any
    """The memory's answer to the query, (B, N, T, H)."""
    d: Any
    """Denominators, (B, N, T)."""
    slope: Any
    """Derivative of the denominators with respect to the normaliser's answer: its sign, or 0, (B, N, T)."""
    o: Any
    """Output gates, (B, N, T, H)."""


def forward(
    cell: Cell, p: Params, initial: State, xs: Any, lengths: Any = None, reverse: bool = False
) -> tuple[Outputs, Tape]:
    """Run mLSTM over all steps at once, with outputs as from `sequence.loop`; in JAX, NumPy or balls.

    Args:
        cell: mLSTM.
        p: Its parameters.
        initial: The state before the first step, arrays (B, ...).
        xs: Inputs, (T, B, D), T >= 1.
        lengths: Integers (B,), the number of real steps of each row; by default T.
        reverse: Whether the steps run from the last to the first.

    Returns:
        The outputs, and the tape.

    Raises:
        BadInput: Shapes do not fit, there is no step, or the cell is not mLSTM.
    """
    check(cell, p, initial, xs, lengths, reverse)
    xs, lengths, real = _onward(cell, xs, lengths, reverse)
    T, (N, H) = len(xs), initial.n.shape[1:]
    to_q, to_k = scales(cell.name == "mlstm", H)
    a, g = xs @ p.w_x + p.b, xs @ p.w_g + p.b_g  # MC1
    q, k, v, a_o = (_heads(a[..., j * N * H : (j + 1) * N * H], N) for j in range(4))
    q, k = q * to_q, k * to_k  # MC1
    a_i, a_f = (_heads(g[..., j * N : (j + 1) * N], N)[..., 0] for j in range(2))
    kept = where(real, log_sigmoid(a_f), 0).cumsum(-1)  # MC2
    from_initial = (kept + initial.m[..., None])[..., None]  # MC3
    from_steps = kept[..., None] - kept[..., None, :] + a_i[..., None, :]  # MC3
    written = np.tri(T, dtype=bool) & real[..., None, :]  # written by a real step, not later than the query
    logs = concatenate((from_initial, where(written, from_steps, from_initial)), axis=-1)
    m = logs.max(axis=-1)  # MC4
    w = exp(logs - m[..., None]) * concatenate((written[..., :1] | True, written), axis=-1)  # MC4
    scores = w[..., 1:] * (q @ _t(k))
    u = scores @ v + w[..., :1] * (q @ _t(initial.c))  # MC5
    s = scores.sum(-1) + w[..., 0] * (q * initial.n[..., None, :]).sum(-1)  # MC5
    d = maximum(maximum(s, -s), exp(-m))  # MC6
    slope = step(maximum(s, -s) - exp(-m)) * (2 * step(s) - 1)
    o = sigmoid(a_o)  # MC6
    h = _flat(o * (u / d[..., None]))  # MC6
    last = w[..., -1, :]
    c = last[..., :1, None] * initial.c + _t(last[..., 1:, None] * v) @ k  # MC7
    n = last[..., :1] * initial.n + (last[..., 1:, None] * k).sum(-2)  # MC7
    hs = choose(keep_of(T, lengths), h, 0)
    largest = np.arange(1 + T) == logs[..., -1, :].argmax(axis=-1)[..., None]
    tape = Tape(q, k, v, a_f, w, largest, u, d, slope, o)
    final = State(at_the_end(h, initial.h, lengths), c, n, m[..., -1])
    return Outputs(flipped(hs, lengths) if reverse else hs, final), tape


def backward(
    cell: Cell,
    p: Params,
    initial: State,
    xs: Any,
    tape: Tape,
    bar: Outputs,
    lengths: Any = None,
    reverse: bool = False,
) -> Gradients:
    """The gradients of all that `forward` read; each line is an edge, in reverse order.

    Args:
        cell, p, initial, xs, lengths, reverse: As for `forward`.
        tape: The tape that `forward` returned.
        bar: Cotangents of the outputs: hs (T, B, H) and the final state (B, ...).

    Returns:
        The gradients of p, initial and xs.

    Raises:
        BadInput: Shapes do not fit.
    """
    check_bar(cell, p, initial, xs, bar, lengths, reverse)
    xs, lengths, real = _onward(cell, xs, lengths, reverse)
    T, (N, H) = len(xs), initial.n.shape[1:]
    q, k, v, a_f, w, largest, u, d, slope, o = tape
    hs_bar = flipped(bar.hs, lengths) if reverse else bar.hs
    read_bar = choose(keep_of(T, lengths), hs_bar, 0) + choose(is_last(T, lengths), bar.final.h[None], 0)  # T2*
    h_bar = _heads(read_bar, N)
    o_bar, y_bar = h_bar * (u / d[..., None]), h_bar * o  # MC6*
    u_bar, d_bar = y_bar / d[..., None], -(y_bar * u).sum(-1) / (d * d)  # MC6*
    s_bar = d_bar * slope  # MC6*
    w_t, w_0 = w[..., 1:], w[..., :1]
    answered = u_bar @ _t(v) + s_bar[..., None]  # the derivative with respect to a score
    scores = q @ _t(k)
    scores_bar = w_t * answered  # MC5*
    asked_bar = u_bar @ initial.c + s_bar[..., None] * initial.n[..., None, :]
    q_bar = scores_bar @ k + w_0 * asked_bar  # MC5*
    k_bar, v_bar = _t(scores_bar) @ q, _t(w_t * scores) @ u_bar  # MC5*
    c_bar, n_bar = _t(w_0 * u_bar) @ q, (w_0 * s_bar[..., None] * q).sum(-2)  # MC5*
    by_initial = w_0 * (asked_bar * q).sum(-1)[..., None]  # MC5*
    logs_bar = concatenate((by_initial, scores_bar * scores), axis=-1)  # MC5*
    last_0, last_s = w[..., -1, :1], w[..., -1, 1:, None]
    keys_bar, values_bar = v @ bar.final.c + bar.final.n[..., None, :], k @ _t(bar.final.c)
    k_bar, v_bar = k_bar + last_s * keys_bar, v_bar + last_s * values_bar  # MC7*
    c_bar, n_bar = c_bar + last_0[..., None] * bar.final.c, n_bar + last_0 * bar.final.n  # MC7*
    remembered = (bar.final.c * initial.c).sum(-1).sum(-1) + (bar.final.n * initial.n).sum(-1)
    last_bar = concatenate((last_0 * remembered[..., None], (last_s * keys_bar * k).sum(-1)), axis=-1)  # MC7*
    m_bar = bar.final.m - last_bar.sum(-1)  # MC7*
    last_bar = last_bar + where(largest, m_bar[..., None], 0)  # MC4*
    logs_bar = logs_bar + (np.arange(T) == T - 1)[:, None] * last_bar[..., None, :]
    a_i_bar, prev_m_bar = logs_bar[..., 1:].sum(-2), logs_bar[..., 0].sum(-1)  # MC3*
    kept_bar = logs_bar.sum(-1) - a_i_bar  # MC3*  a step's F is in its row, and with a minus in its column
    forgot_bar = kept_bar[..., ::-1].cumsum(-1)[..., ::-1]  # MC2*
    a_f_bar = where(real, forgot_bar * sigmoid(-a_f), 0)  # MC2*
    to_q, to_k = scales(cell.name == "mlstm", H)
    parts = q_bar * to_q, k_bar * to_k, v_bar, o_bar * o * (1 - o)
    a_bar = concatenate([_flat(part) for part in parts], axis=-1)  # MC1*
    g_bar = concatenate([_flat(part[..., None]) for part in (a_i_bar, a_f_bar)], axis=-1)  # MC1*
    xs_bar = a_bar @ p.w_x.T + g_bar @ p.w_g.T  # MC1*
    w_x_bar, w_g_bar = as_rows(xs).T @ as_rows(a_bar), as_rows(xs).T @ as_rows(g_bar)  # MC1*
    b_bar, b_g_bar = as_rows(a_bar).sum(0), as_rows(g_bar).sum(0)  # MC1*
    prev_h_bar = choose((lengths == 0)[:, None], bar.final.h, 0)  # T2*
    return Gradients(
        Params(w_x_bar, b_bar, w_g_bar, b_g_bar),
        State(prev_h_bar, c_bar, n_bar, prev_m_bar),
        flipped(xs_bar, lengths) if reverse else xs_bar,
    )


PARALLEL = Through(forward, backward)
"""The way through time for all steps at once."""


def _onward(cell: Cell, xs: Any, lengths: Any, reverse: bool) -> tuple[Any, Any, Any]:
    """Inputs in the order of processing, with padding zero and last; lengths; and which steps are real, (B, 1, T)."""
    if cell.page != "mlstm":
        raise BadInput(f"{cell.name} has no such form: only mLSTM has")
    T, B = xs.shape[:2]
    if T == 0:
        raise BadInput("mLSTM in parallel needs a step, got none")
    lengths = counted(lengths, T, B)
    keep = keep_of(T, lengths)
    xs = choose(keep, flipped(xs, lengths) if reverse else xs, 0)
    return xs, lengths, keep[..., 0].T[:, None]


def _t(v: Any) -> Any:
    """The last two axes exchanged."""
    return v.swapaxes(-1, -2)


def _heads(v: Any, N: int) -> Any:
    """(T, B, N·K) as (B, N, T, K)."""
    T, B, NK = v.shape
    return v.reshape(T, B, N, NK // N).transpose(1, 2, 0, 3)


def _flat(v: Any) -> Any:
    """(B, N, T, K) as (T, B, N·K)."""
    B, N, T, K = v.shape
    return v.transpose(2, 0, 1, 3).reshape(T, B, N * K)
