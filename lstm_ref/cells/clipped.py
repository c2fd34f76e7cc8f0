"""LSTM with bounds on its pre-activations and on its cell state: edges K1-K6 forward, K1*-K6* backward.

derivations/clipped.md derives each. Conventions that bite: these bounds limit *values* and are part of the function, so
the result is the function's true gradient. Bounds on gradients are something else (`lstm_ref.clipping`). Where a bound
is active, the gradient is 0. Exactly at the bound, 0 and 1 are both subgradients; it is 1 here, as in torch's clamp
(JAX's `jnp.clip` takes ½). The next step and tanh both read the clipped c.
Source: cell clip: Sak, Senior and Beaufays 2014, and the `cell_clip` of TensorFlow's LSTMCell; pre-activation clip: the
`clip` of ONNX's LSTM operator. A clip of the projection is in `projected`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lstm_ref.arithmetic import concatenate, sigmoid, tanh
from lstm_ref.cells.cell import Affine as Params
from lstm_ref.cells.cell import Cell, Cotangents, Tape, clipped, within
from lstm_ref.cells.lstm import State, lstm, split_gates


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    r: Any
    """Pre-activations of i, f, g, o before they are clipped, (B, 4H)."""
    a: Any
    """Pre-activations after they are clipped."""
    i: Any
    """Input gate, (B, H)."""
    f: Any
    """Forget gate."""
    g: Any
    """Candidate."""
    o: Any
    """Output gate."""
    v: Any
    """New cell state before it is clipped."""
    c: Any
    """New cell state after it is clipped."""
    u: Any
    """tanh of the new cell state."""
    h: Any
    """New hidden state."""


def lstm_clipped(name: str, of_cell: float | None = None, of_activations: float | None = None) -> Cell:
    """The LSTM with c clipped to ±of_cell and a to ±of_activations."""

    def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
        """Next state, and the tape of values that `backward` reads. x (B, D)."""
        r = x @ p.w_x + state.h @ p.w_h + p.b  # K1
        a = clipped(r, of_activations)  # K2
        a_i, a_f, a_g, a_o = split_gates(a)
        i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)  # K3
        v = f * state.c + i * g  # K4
        c = clipped(v, of_cell)  # K5
        u = tanh(c)  # K6
        h = o * u  # K6
        return State(h, c), Tape(x, state, Nodes(r, a, i, f, g, o, v, c, u, h))

    def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
        """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
        x, prev, (r, _, i, f, g, o, v, _, u, _) = tape
        o_bar, u_bar = bar.h * u, bar.h * o  # K6*
        c_bar = bar.c + u_bar * (1 - u * u)  # K6*
        v_bar = c_bar * within(v, of_cell)  # K5*
        i_bar, f_bar, g_bar, prev_c_bar = v_bar * g, v_bar * prev.c, v_bar * i, v_bar * f  # K4*
        a_bar = concatenate(  # K3*
            (i_bar * i * (1 - i), f_bar * f * (1 - f), g_bar * (1 - g * g), o_bar * o * (1 - o)), axis=-1
        )
        r_bar = a_bar * within(r, of_activations)  # K2*
        x_bar, prev_h_bar = r_bar @ p.w_x.T, r_bar @ p.w_h.T  # K1*
        w_x_bar, w_h_bar, b_bar = x.T @ r_bar, prev.h.T @ r_bar, r_bar.sum(0)  # K1*
        return Cotangents(
            Params(w_x_bar, w_h_bar, b_bar),
            State(prev_h_bar, prev_c_bar),
            x_bar,
            Nodes(r_bar, a_bar, i_bar, f_bar, g_bar, o_bar, v_bar, c_bar, u_bar, bar.h),
        )

    return lstm._replace(name=name, page="clipped", forward=forward, backward=backward)


cell_clipped = lstm_clipped("cell_clipped", of_cell=0.5)
pre_clipped = lstm_clipped("pre_clipped", of_activations=1.0)
