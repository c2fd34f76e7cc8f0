"""sLSTM: exponential gates, a normaliser, a stabiliser, block-diagonal heads: edges SL1-SL6, SL1*-SL6* backward.

derivations/slstm.md derives each. Conventions that bite: the stabiliser m is part of the state and of the function.
This backward pass is the true gradient with respect to every initial state, through the maximum. Kernels often treat m
as a constant: that gives the same gradient where nothing reads c, n and m of the final state, and a different one
elsewhere. The forget gate is a sigmoid (`slstm`) or an exponential (`slstm_exp`). The initial n must be positive. There
are N heads of H units each; gates in the order i, f, z, o.
Source: Beck et al., "xLSTM: extended long short-term memory", NeurIPS 2024, equations 8-18 and appendix A.2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate, exp, log_sigmoid, maximum, sigmoid, step, tanh
from lstm_ref.cells.cell import Cell, Cotangents, Tape, blocks, glorot


class Params(NamedTuple):
    """Parameters, for input size D and N heads of H units."""

    w_x: Any
    """Input kernel, (D, 4NH)."""
    w_h: Any
    """Recurrent kernel of every head, (N, H, 4H)."""
    b: Any
    """Bias, (4NH,)."""


class State(NamedTuple):
    """The state that a step passes to the next, each (B, NH)."""

    h: Any
    """Hidden state and output."""
    c: Any
    """Cell state, divided by e^m."""
    n: Any
    """Normaliser, divided by e^m."""
    m: Any
    """Stabiliser: the logarithm of the largest factor so far."""


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    a: Any
    """Pre-activations of i, f, z, o, (B, 4NH)."""
    q: Any
    """Logarithm of the factor on the old state, from forget gate and old stabiliser, (B, NH)."""
    m: Any
    """New stabiliser."""
    i: Any
    """Input gate, divided by e^m."""
    f: Any
    """Forget gate, divided by e^(m - m_prev)."""
    z: Any
    """Candidate."""
    o: Any
    """Output gate."""
    c: Any
    """New cell state."""
    n: Any
    """New normaliser."""
    y: Any
    """c / n."""
    h: Any
    """New hidden state."""


def by_head(h: Any, w: Any) -> Any:
    """The product h W of every head, gate by gate side by side: (B, NH) and (N, H, 4H) to (B, 4NH)."""
    products = [blocks(part @ w[k], 4) for k, part in enumerate(blocks(h, len(w)))]
    return concatenate([head[gate] for gate in range(4) for head in products], axis=-1)


def by_head_backward(h: Any, w: Any, a_bar: Any) -> tuple[Any, Any]:
    """Cotangents of h and w, given that of `by_head`."""
    parts = [blocks(gate, len(w)) for gate in blocks(a_bar, 4)]
    of_head = [concatenate([gate[k] for gate in parts], axis=-1) for k in range(len(w))]
    h_bar = concatenate([part @ w[k].T for k, part in enumerate(of_head)], axis=-1)  # SL0*
    w_bar = concatenate([(old.T @ part)[None] for old, part in zip(blocks(h, len(w)), of_head, strict=True)])  # SL0*
    return h_bar, w_bar


def _cell(name: str, exponential: bool) -> Cell:
    """The cell whose forget gate is an exponential, or a sigmoid."""

    def initial_parameters(rng: np.random.Generator, D: int, H: int, N: int = 2) -> Params:
        """Glorot kernels; zero biases, except the forget gate's, which is 1."""
        b = np.zeros(4 * N * H)
        blocks(b, 4)[1][:] = 1
        return Params(glorot(rng, D, N * H, 4), np.stack([glorot(rng, H, H, 4) for _ in range(N)]), b)

    def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
        """Next state, and the tape of values that `backward` reads. x (B, D)."""
        a = x @ p.w_x + by_head(state.h, p.w_h) + p.b  # SL1
        a_i, a_f, a_z, a_o = blocks(a, 4)
        q = (a_f if exponential else log_sigmoid(a_f)) + state.m  # SL2
        m = maximum(q, a_i)  # SL3
        i, f = exp(a_i - m), exp(q - m)  # SL4
        z, o = tanh(a_z), sigmoid(a_o)  # SL4
        c, n = f * state.c + i * z, f * state.n + i  # SL5
        y = c / n  # SL6
        h = o * y  # SL6
        return State(h, c, n, m), Tape(x, state, Nodes(a, q, m, i, f, z, o, c, n, y, h))

    def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
        """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
        x, prev, (a, q, _, i, f, z, o, _, n, y, _) = tape
        a_i, a_f, _, _ = blocks(a, 4)
        o_bar, y_bar = bar.h * y, bar.h * o  # SL6*
        c_bar, n_bar = bar.c + y_bar / n, bar.n - y_bar * y / n  # SL6*
        f_bar, i_bar = c_bar * prev.c + n_bar * prev.n, c_bar * z + n_bar  # SL5*  both c and n read each of them
        z_bar, prev_c_bar, prev_n_bar = c_bar * i, c_bar * f, n_bar * f  # SL5*
        s_i_bar, s_f_bar = i_bar * i, f_bar * f  # SL4*
        m_bar = bar.m - s_i_bar - s_f_bar  # SL4*  m has three readers: both gates, and the next step
        kept = step(q - a_i)
        q_bar, a_i_bar = s_f_bar + m_bar * kept, s_i_bar + m_bar * (1 - kept)  # SL3*  max passes it to the larger
        slope = 1.0 if exponential else sigmoid(-a_f)
        prev_m_bar, a_f_bar = q_bar, q_bar * slope  # SL2*
        a_bar = concatenate((a_i_bar, a_f_bar, z_bar * (1 - z * z), o_bar * o * (1 - o)), axis=-1)  # SL4*
        prev_h_bar, w_h_bar = by_head_backward(prev.h, p.w_h, a_bar)
        x_bar, w_x_bar, b_bar = a_bar @ p.w_x.T, x.T @ a_bar, a_bar.sum(0)  # SL1*
        return Cotangents(
            Params(w_x_bar, w_h_bar, b_bar),
            State(prev_h_bar, prev_c_bar, prev_n_bar, prev_m_bar),
            x_bar,
            Nodes(a_bar, q_bar, m_bar, i_bar, f_bar, z_bar, o_bar, c_bar, n_bar, y_bar, bar.h),
        )

    shapes = Params(w_x="D 4NH", w_h="N H 4H", b="4NH"), State("B NH", "B NH", "B NH", "B NH")
    return Cell(
        name, "slstm", *shapes, initial_parameters, forward, backward, gates="ifzo", sizes=(("N", 2),), positive=("n",)
    )


slstm = _cell("slstm", exponential=False)
slstm_exp = _cell("slstm_exp", exponential=True)
