"""The LSTM that some tutorials write: tanh(c) is carried to the next step. Edges U1-U4 forward, U1*-U4* backward.

derivations/tanh_carried.md derives each. Conventions that bite: it is not the LSTM. Its carried state is squashed at
every step, so the long path of the LSTM is gone: each step multiplies the cotangent by f (1 - c²).
Source: none; it is found where `c = tanh(f * c + i * g)` was written by mistake, and its gradient is right for it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lstm_ref.arithmetic import concatenate, sigmoid, tanh
from lstm_ref.cells.cell import Affine as Params
from lstm_ref.cells.cell import Cotangents, Tape
from lstm_ref.cells.lstm import State, lstm, split_gates


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    a: Any
    """Pre-activations of i, f, g, o, (B, 4H)."""
    i: Any
    """Input gate, (B, H)."""
    f: Any
    """Forget gate."""
    g: Any
    """Candidate."""
    o: Any
    """Output gate."""
    c: Any
    """New cell state, squashed."""
    h: Any
    """New hidden state."""


def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
    """Next state, and the tape of values that `backward` reads. x (B, D)."""
    a = x @ p.w_x + state.h @ p.w_h + p.b  # U1
    a_i, a_f, a_g, a_o = split_gates(a)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)  # U2
    c = tanh(f * state.c + i * g)  # U3
    h = o * c  # U4
    return State(h, c), Tape(x, state, Nodes(a, i, f, g, o, c, h))


def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
    """Cotangents of all that `forward` read, given `bar` of the next state; each line an edge, from right to left."""
    x, prev, (_, i, f, g, o, c, _) = tape
    o_bar, c_bar = bar.h * c, bar.c + bar.h * o  # U4*  c has two readers: h, and the next step
    s_bar = c_bar * (1 - c * c)  # U3*
    i_bar, f_bar, g_bar, prev_c_bar = s_bar * g, s_bar * prev.c, s_bar * i, s_bar * f  # U3*
    a_bar = concatenate(  # U2*
        (i_bar * i * (1 - i), f_bar * f * (1 - f), g_bar * (1 - g * g), o_bar * o * (1 - o)), axis=-1
    )
    x_bar, prev_h_bar = a_bar @ p.w_x.T, a_bar @ p.w_h.T  # U1*
    w_x_bar, w_h_bar, b_bar = x.T @ a_bar, prev.h.T @ a_bar, a_bar.sum(0)  # U1*
    return Cotangents(
        Params(w_x_bar, w_h_bar, b_bar),
        State(prev_h_bar, prev_c_bar),
        x_bar,
        Nodes(a_bar, i_bar, f_bar, g_bar, o_bar, c_bar, bar.h),
    )


tanh_carried = lstm._replace(name="tanh_carried", page="tanh_carried", forward=forward, backward=backward)
