"""mLSTM: a matrix memory with exponential gates, one step: edges MM1-MM7 forward, MM1*-MM7* backward.

derivations/mlstm.md derives each. Conventions that bite: the stabiliser m is part of the state and of the function, as
in `slstm`. The denominator is max(|n q|, e^-m); at its two kinks, the subgradient is that of the larger side. The
factor 1/√H scales the key (`mlstm`, the paper) or the query (`mlstm_scaled_query`): both give the same h, but different
states. There are N heads of H units each; i and f are one number per head. Pre-activations stand in the order q, k, v,
o (NH each), i, f (N each).
Source: Beck et al., "xLSTM: extended long short-term memory", NeurIPS 2024, equations 19-27 and appendix A.3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate, exp, log_sigmoid, maximum, sigmoid, step
from lstm_ref.cells.cell import Cell, Cotangents, Tape, glorot


class Params(NamedTuple):
    """Parameters, for input size D and N heads of H units."""

    w_x: Any
    """Kernel of q, k, v, o, (D, 4NH)."""
    b: Any
    """Bias of q, k, v, o, (4NH,)."""
    w_g: Any
    """Kernel of i, f, (D, 2N)."""
    b_g: Any
    """Bias of i, f, (2N,)."""


class State(NamedTuple):
    """The state that a step passes to the next."""

    h: Any
    """Output, (B, NH); the next step does not read it."""
    c: Any
    """Memory of every head, divided by e^m, (B, N, H, H): rows are values, columns are keys."""
    n: Any
    """Normaliser of every head, divided by e^m, (B, N, H)."""
    m: Any
    """Stabiliser of every head, (B, N)."""


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    a: Any
    """q, k, v, o before their activation, (B, 4NH)."""
    g: Any
    """Pre-activations of i, f, (B, 2N)."""
    r: Any
    """Logarithm of the factor on the old state, (B, N)."""
    m: Any
    """New stabiliser, (B, N)."""
    i: Any
    """Input gate, divided by e^m, (B, N)."""
    f: Any
    """Forget gate, divided by e^(m - m_prev), (B, N)."""
    c: Any
    """New memory, (B, N, H, H)."""
    n: Any
    """New normaliser, (B, N, H)."""
    u: Any
    """The memory times the query, (B, N, H)."""
    s: Any
    """The normaliser times the query, (B, N)."""
    d: Any
    """Denominator, (B, N)."""
    y: Any
    """u / d, (B, NH)."""
    o: Any
    """Output gate, (B, NH)."""
    h: Any
    """New output, (B, NH)."""


def scales(key_is_scaled: bool, H: int) -> tuple[float, float]:
    """Factors of query and key."""
    return (1.0, H**-0.5) if key_is_scaled else (H**-0.5, 1.0)


def _cell(name: str, key_is_scaled: bool) -> Cell:
    """The cell with the factor 1/√H on the key, or on the query."""

    def initial_parameters(rng: np.random.Generator, D: int, H: int, N: int = 2) -> Params:
        """Glorot kernels; zero biases, except the forget gates', which are 3 (the lower end in the paper)."""
        b_g = np.zeros(2 * N)
        b_g[N:] = 3
        return Params(glorot(rng, D, N * H, 4), np.zeros(4 * N * H), glorot(rng, D, N, 2), b_g)

    def heads(p: Params, a: Any) -> tuple[Any, Any, Any, Any]:
        """q, k, v, each (B, N, H) and scaled, and o before its activation (B, NH)."""
        N = p.b_g.shape[0] // 2
        H = a.shape[-1] // (4 * N)
        to_q, to_k = scales(key_is_scaled, H)
        q, k, v = (a[:, j * N * H : (j + 1) * N * H].reshape(-1, N, H) for j in range(3))
        return q * to_q, k * to_k, v, a[:, 3 * N * H :]

    def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
        """Next state, and the tape of values that `backward` reads. x (B, D)."""
        a, g = x @ p.w_x + p.b, x @ p.w_g + p.b_g  # MM1
        q, k, v, a_o = heads(p, a)
        N = q.shape[1]
        r = log_sigmoid(g[:, N:]) + state.m  # MM2
        m = maximum(r, g[:, :N])  # MM3
        i, f = exp(g[:, :N] - m), exp(r - m)  # MM4
        c = f[..., None, None] * state.c + i[..., None, None] * (v[..., :, None] * k[..., None, :])  # MM5
        n = f[..., None] * state.n + i[..., None] * k  # MM5
        u, s = (c * q[..., None, :]).sum(-1), (n * q).sum(-1)  # MM6
        d = maximum(maximum(s, -s), exp(-m))  # MM7
        y = (u / d[..., None]).reshape(a_o.shape)  # MM7
        o = sigmoid(a_o)  # MM7
        h = o * y  # MM7
        return State(h, c, n, m), Tape(x, state, Nodes(a, g, r, m, i, f, c, n, u, s, d, y, o, h))

    def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
        """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
        x, prev, (a, g, r, m, i, f, c, n, u, s, d, y, o, _) = tape
        q, k, v, _ = heads(p, a)
        N, H = q.shape[1:]
        to_q, to_k = scales(key_is_scaled, H)
        o_bar, y_bar = bar.h * y, (bar.h * o).reshape(u.shape)  # MM7*
        u_bar, d_bar = y_bar / d[..., None], -(y_bar * u).sum(-1) / (d * d)  # MM7*
        by_s = step(maximum(s, -s) - exp(-m))
        s_bar = d_bar * by_s * (2 * step(s) - 1)  # MM7*  through |s| where that is the larger
        from_d_bar = -d_bar * (1 - by_s) * exp(-m)  # MM7*  otherwise through e^-m
        c_bar = bar.c + u_bar[..., :, None] * q[..., None, :]  # MM6*
        n_bar = bar.n + s_bar[..., None] * q  # MM6*
        q_bar = (c * u_bar[..., :, None]).sum(-2) + s_bar[..., None] * n  # MM6*  both c and n are multiplied by q
        f_bar = (c_bar * prev.c).sum(-1).sum(-1) + (n_bar * prev.n).sum(-1)  # MM5*
        i_bar = (c_bar * (v[..., :, None] * k[..., None, :])).sum(-1).sum(-1) + (n_bar * k).sum(-1)  # MM5*
        v_bar = i[..., None] * (c_bar * k[..., None, :]).sum(-1)  # MM5*
        k_bar = i[..., None] * ((c_bar * v[..., :, None]).sum(-2) + n_bar)  # MM5*  k is written into both c and n
        prev_c_bar, prev_n_bar = c_bar * f[..., None, None], n_bar * f[..., None]  # MM5*
        s_i_bar, s_f_bar = i_bar * i, f_bar * f  # MM4*
        m_bar = bar.m - s_i_bar - s_f_bar + from_d_bar  # MM4*, MM7*
        kept = step(r - g[:, :N])
        r_bar, g_i_bar = s_f_bar + m_bar * kept, s_i_bar + m_bar * (1 - kept)  # MM3*
        prev_m_bar, g_f_bar = r_bar, r_bar * sigmoid(-g[:, N:])  # MM2*
        flat = (x.shape[0], N * H)
        parts = (q_bar * to_q).reshape(flat), (k_bar * to_k).reshape(flat), v_bar.reshape(flat), o_bar * o * (1 - o)
        a_bar, g_bar = concatenate(parts, axis=-1), concatenate((g_i_bar, g_f_bar), axis=-1)  # MM1*
        x_bar = a_bar @ p.w_x.T + g_bar @ p.w_g.T  # MM1*
        w_x_bar, b_bar, w_g_bar, b_g_bar = x.T @ a_bar, a_bar.sum(0), x.T @ g_bar, g_bar.sum(0)  # MM1*
        return Cotangents(
            Params(w_x_bar, b_bar, w_g_bar, b_g_bar),
            State(prev.h * 0, prev_c_bar, prev_n_bar, prev_m_bar),
            x_bar,
            Nodes(
                *(a_bar, g_bar, r_bar, m_bar, i_bar, f_bar, c_bar, n_bar, u_bar, s_bar, d_bar),
                *(y_bar.reshape(y.shape), o_bar, bar.h),
            ),
        )

    shapes = Params("D 4NH", "4NH", "D 2N", "2N"), State("B NH", "B N H H", "B N H", "B N")
    return Cell(name, "mlstm", *shapes, initial_parameters, forward, backward, sizes=(("N", 2),))


mlstm = _cell("mlstm", key_is_scaled=True)
mlstm_scaled_query = _cell("mlstm_scaled_query", key_is_scaled=False)
