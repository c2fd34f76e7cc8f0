"""LSTM whose gates read the gates of the step before: edges Q1-Q5 forward, Q1*-Q5* backward.

derivations/full_gate_recurrence.md derives each. Conventions that bite: the gates are part of the state, so they have
initial values, and receive cotangents from the next step. The candidate does not read them. With peepholes; order i, f,
g, o.
Source: Greff et al., "LSTM: a search space odyssey", IEEE TNNLS 28, 2017, variant FGR, after Hochreiter and
Schmidhuber 1997.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate, sigmoid, tanh
from lstm_ref.cells.cell import Cell, Cotangents, Tape, glorot
from lstm_ref.cells.lstm import Nodes, split_gates
from lstm_ref.cells.peephole import peephole


class Params(NamedTuple):
    """Parameters, for input size D and hidden size H."""

    w_x: Any
    """Input kernel, (D, 4H)."""
    w_h: Any
    """Recurrent kernel, (H, 4H)."""
    b: Any
    """Bias, (4H,)."""
    p_i: Any
    """Peephole of the input gate, (H,)."""
    p_f: Any
    """Peephole of the forget gate, (H,)."""
    p_o: Any
    """Peephole of the output gate, (H,)."""
    r_i: Any
    """Kernel from the previous step's i, f and o to the input gate, (3H, H)."""
    r_f: Any
    """Kernel from the previous step's i, f and o to the forget gate, (3H, H)."""
    r_o: Any
    """Kernel from the previous step's i, f and o to the output gate, (3H, H)."""


class State(NamedTuple):
    """The state that a step passes to the next, each (B, H)."""

    h: Any
    """Hidden state and output."""
    c: Any
    """Cell state."""
    i: Any
    """Input gate."""
    f: Any
    """Forget gate."""
    o: Any
    """Output gate."""


def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
    """Initialised like the LSTM with peepholes; Glorot kernels between the gates."""
    r_i, r_f, r_o = (np.concatenate([glorot(rng, H, H) for _ in range(3)]) for _ in range(3))
    return Params(**peephole.initial_parameters(rng, D, H)._asdict(), r_i=r_i, r_f=r_f, r_o=r_o)


def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
    """Next state, and the tape of values that `backward` reads. x (B, D)."""
    a = x @ p.w_x + state.h @ p.w_h + p.b  # Q1
    a_i, a_f, a_g, a_o = split_gates(a)
    q = concatenate((state.i, state.f, state.o), axis=-1)
    i, f = sigmoid(a_i + q @ p.r_i + p.p_i * state.c), sigmoid(a_f + q @ p.r_f + p.p_f * state.c)  # Q2
    g = tanh(a_g)  # Q2
    c = f * state.c + i * g  # Q3
    o = sigmoid(a_o + q @ p.r_o + p.p_o * c)  # Q4
    u = tanh(c)  # Q5
    h = o * u  # Q5
    return State(h, c, i, f, o), Tape(x, state, Nodes(a, i, f, g, o, c, u, h))


def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
    """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
    x, prev, (_, i, f, g, o, c, u, _) = tape
    q = concatenate((prev.i, prev.f, prev.o), axis=-1)
    o_bar, u_bar = bar.o + bar.h * u, bar.h * o  # Q5*  o has two readers: h, and the gates of the next step
    a_o_bar = o_bar * o * (1 - o)  # Q4*
    c_bar = bar.c + u_bar * (1 - u * u) + a_o_bar * p.p_o  # Q5*, Q4*
    i_bar, f_bar, g_bar = bar.i + c_bar * g, bar.f + c_bar * prev.c, c_bar * i  # Q3*  i and f also feed the next gates
    a_i_bar, a_f_bar, a_g_bar = i_bar * i * (1 - i), f_bar * f * (1 - f), g_bar * (1 - g * g)  # Q2*
    prev_c_bar = c_bar * f + a_i_bar * p.p_i + a_f_bar * p.p_f  # Q3*, Q2*
    q_bar = a_i_bar @ p.r_i.T + a_f_bar @ p.r_f.T + a_o_bar @ p.r_o.T  # Q2*, Q4*
    r_i_bar, r_f_bar, r_o_bar = q.T @ a_i_bar, q.T @ a_f_bar, q.T @ a_o_bar  # Q2*, Q4*
    p_i_bar, p_f_bar, p_o_bar = (a_i_bar * prev.c).sum(0), (a_f_bar * prev.c).sum(0), (a_o_bar * c).sum(0)  # Q2*, Q4*
    a_bar = concatenate((a_i_bar, a_f_bar, a_g_bar, a_o_bar), axis=-1)  # Q1*
    x_bar, prev_h_bar = a_bar @ p.w_x.T, a_bar @ p.w_h.T  # Q1*
    w_x_bar, w_h_bar, b_bar = x.T @ a_bar, prev.h.T @ a_bar, a_bar.sum(0)  # Q1*
    H = prev.h.shape[-1]
    return Cotangents(
        Params(w_x_bar, w_h_bar, b_bar, p_i_bar, p_f_bar, p_o_bar, r_i_bar, r_f_bar, r_o_bar),
        State(prev_h_bar, prev_c_bar, q_bar[:, :H], q_bar[:, H : 2 * H], q_bar[:, 2 * H :]),
        x_bar,
        Nodes(a_bar, i_bar, f_bar, g_bar, o_bar, c_bar, u_bar, bar.h),
    )


PARAMS = Params(**peephole.params._asdict(), r_i="3H H", r_f="3H H", r_o="3H H")
STATE = State(h="B H", c="B H", i="B H", f="B H", o="B H")

full_gate_recurrence = Cell(
    "fgr", "full_gate_recurrence", PARAMS, STATE, initial_parameters, forward, backward, gates="ifgo"
)
