"""LSTM with peepholes, one time step: edges P1-P5 forward, P1*-P5* backward; derivations/peephole.md derives each.

Conventions that bite: i and f read the cell state of the step *before*, o reads the *new* one. Peephole weights are
vectors, one number per unit. Gates in the order i, f, g, o.
Source: Gers and Schmidhuber, "Recurrent nets that time and count", IJCNN 2000; Graves, "Generating sequences with
recurrent neural networks", 2013, equations 7-11.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate, sigmoid, tanh
from lstm_ref.cells.cell import Cell, Cotangents, Tape
from lstm_ref.cells.lstm import Nodes, State, lstm, split_gates


class Params(NamedTuple):
    """Parameters, for input size D and hidden size H. A variant with n of the four gates has nH in place of 4H."""

    w_x: Any
    """Input kernel, (D, 4H)."""
    w_h: Any
    """Recurrent kernel, (H, 4H)."""
    b: Any
    """Bias, (4H,)."""
    p_i: Any = None
    """Peephole of the input gate, (H,); None where a variant has none."""
    p_f: Any = None
    """Peephole of the forget gate, (H,)."""
    p_o: Any = None
    """Peephole of the output gate, (H,)."""


def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
    """Initialised like the LSTM; the peepholes start at zero."""
    w_x, w_h, b = lstm.initial_parameters(rng, D, H)
    return Params(w_x, w_h, b, p_i=np.zeros(H), p_f=np.zeros(H), p_o=np.zeros(H))


def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
    """Next state, and the tape of values that `backward` reads. x (B, D)."""
    a = x @ p.w_x + state.h @ p.w_h + p.b  # P1
    a_i, a_f, a_g, a_o = split_gates(a)
    i, f, g = sigmoid(a_i + p.p_i * state.c), sigmoid(a_f + p.p_f * state.c), tanh(a_g)  # P2
    c = f * state.c + i * g  # P3
    o = sigmoid(a_o + p.p_o * c)  # P4
    u = tanh(c)  # P5
    h = o * u  # P5
    return State(h, c), Tape(x, state, Nodes(a, i, f, g, o, c, u, h))


def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
    """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
    x, prev, (_, i, f, g, o, c, u, _) = tape
    o_bar, u_bar = bar.h * u, bar.h * o  # P5*
    a_o_bar = o_bar * o * (1 - o)  # P4*
    c_bar = bar.c + u_bar * (1 - u * u) + a_o_bar * p.p_o  # P5*, P4*  c has three readers: the next step, u, and o
    i_bar, f_bar, g_bar = c_bar * g, c_bar * prev.c, c_bar * i  # P3*
    a_i_bar, a_f_bar, a_g_bar = i_bar * i * (1 - i), f_bar * f * (1 - f), g_bar * (1 - g * g)  # P2*
    prev_c_bar = c_bar * f + a_i_bar * p.p_i + a_f_bar * p.p_f  # P3*, P2*  three equations read prev.c: c, i, f
    p_i_bar, p_f_bar, p_o_bar = (a_i_bar * prev.c).sum(0), (a_f_bar * prev.c).sum(0), (a_o_bar * c).sum(0)  # P2*, P4*
    a_bar = concatenate((a_i_bar, a_f_bar, a_g_bar, a_o_bar), axis=-1)  # P1*
    x_bar, prev_h_bar = a_bar @ p.w_x.T, a_bar @ p.w_h.T  # P1*
    w_x_bar, w_h_bar, b_bar = x.T @ a_bar, prev.h.T @ a_bar, a_bar.sum(0)  # P1*
    return Cotangents(
        Params(w_x_bar, w_h_bar, b_bar, p_i_bar, p_f_bar, p_o_bar),
        State(prev_h_bar, prev_c_bar),
        x_bar,
        Nodes(a_bar, i_bar, f_bar, g_bar, o_bar, c_bar, u_bar, bar.h),
    )


PARAMS = Params(w_x="D 4H", w_h="H 4H", b="4H", p_i="H", p_f="H", p_o="H")

peephole = Cell("peephole", "peephole", PARAMS, lstm.state, initial_parameters, forward, backward, gates="ifgo")
