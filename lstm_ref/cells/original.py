"""LSTM as of 1997, without a forget gate: edges O1-O5 forward, O1*-O5* backward; derivations/original.md derives each.

Conventions that bite: the gates stand in the order i, g, o. The squashing functions are tanh, as today; the paper uses
scaled logistic functions instead: its g(x) is 2 tanh(x / 2), its h(x) is tanh(x / 2). `truncated` is the paper's own
backward pass, an estimator: no gradient goes back through the h_prev that gates and candidate read.
Source: Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 9, 1997, equations 1-9 and A.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_ref.arithmetic import concatenate, sigmoid, tanh
from lstm_ref.cells.cell import Affine as Params
from lstm_ref.cells.cell import Cell, Cotangents, Tape, affine, blocks
from lstm_ref.cells.lstm import Nodes, State


def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
    """Glorot kernels and zero biases, float64."""
    return affine(rng, D, H, 3)


def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
    """Next state, and the tape of values that `backward` reads. x (B, D)."""
    a = x @ p.w_x + state.h @ p.w_h + p.b  # O1
    a_i, a_g, a_o = blocks(a, 3)
    i, g, o = sigmoid(a_i), tanh(a_g), sigmoid(a_o)  # O2
    c = state.c + i * g  # O3
    u = tanh(c)  # O4
    h = o * u  # O5
    return State(h, c), Tape(x, state, Nodes(a, i, None, g, o, c, u, h))


def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
    """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
    x, prev, (_, i, _, g, o, _, u, _) = tape
    o_bar, u_bar = bar.h * u, bar.h * o  # O5*
    c_bar = bar.c + u_bar * (1 - u * u)  # O4*
    i_bar, g_bar, prev_c_bar = c_bar * g, c_bar * i, c_bar  # O3*  constant error carousel: it passes unchanged
    a_bar = concatenate((i_bar * i * (1 - i), g_bar * (1 - g * g), o_bar * o * (1 - o)), axis=-1)  # O2*
    x_bar, prev_h_bar = a_bar @ p.w_x.T, a_bar @ p.w_h.T  # O1*
    w_x_bar, w_h_bar, b_bar = x.T @ a_bar, prev.h.T @ a_bar, a_bar.sum(0)  # O1*
    return Cotangents(
        Params(w_x_bar, w_h_bar, b_bar),
        State(prev_h_bar, prev_c_bar),
        x_bar,
        Nodes(a_bar, i_bar, None, g_bar, o_bar, c_bar, u_bar, bar.h),
    )


def truncated(p: Params, tape: Tape, bar: State) -> Cotangents:
    """The paper's truncated gradient: as `backward`, but no error leaves the step through h_{t-1} O6*"""
    given = backward(p, tape, bar)
    return given._replace(prev=given.prev._replace(h=given.prev.h * 0))


PARAMS = Params(w_x="D 3H", w_h="H 3H", b="3H")
STATE = State(h="B H", c="B H")

original = Cell("original", "original", PARAMS, STATE, initial_parameters, forward, backward, gates="igo")
