"""LSTM whose recurrence is modulated by the input: edges M1-M2, M1*-M2* backward; derivations/multiplicative.md.

The gates read m = (x W_mx) (h W_mh) in place of the hidden state. Everything else is the LSTM's own equations.
Source: Krause, Lu, Murray and Renals, "Multiplicative LSTM for sequence modelling", ICLR workshop 2017, equations
18-24.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.cells.cell import Cell, Cotangents, Tape, glorot
from lstm_ref.cells.lstm import State, lstm


class Params(NamedTuple):
    """Parameters, for input size D and hidden size H."""

    cell: Any
    """Parameters of the LSTM, which reads m in place of h."""
    w_mx: Any
    """Kernel from the input to its factor, (D, H)."""
    w_mh: Any
    """Kernel from the hidden state to its factor, (H, H)."""


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    s: Any
    """Factor from the input, (B, H)."""
    r: Any
    """Factor from the hidden state, (B, H)."""
    m: Any
    """The product m, which the LSTM reads as its hidden state, (B, H)."""
    cell: Any
    """Nodes of the LSTM."""


def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
    """Initialised like the LSTM; Glorot kernels for the factors."""
    return Params(lstm.initial_parameters(rng, D, H), glorot(rng, D, H), glorot(rng, H, H))


def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
    """Next state, and the tape of values that `backward` reads. x (B, D)."""
    s, r = x @ p.w_mx, state.h @ p.w_mh  # M1
    m = s * r  # M2
    new, tape = lstm.forward(p.cell, State(m, state.c), x)
    return new, Tape(x, state, Nodes(s, r, m, tape.nodes))


def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
    """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
    x, prev, (s, r, m, cell) = tape
    given = lstm.backward(p.cell, Tape(x, State(m, prev.c), cell), bar)
    m_bar = given.prev.h
    s_bar, r_bar = m_bar * r, m_bar * s  # M2*
    x_bar = given.x + s_bar @ p.w_mx.T  # M1*  x has two readers: the gates, and the factor s
    prev_h_bar, w_mx_bar, w_mh_bar = r_bar @ p.w_mh.T, x.T @ s_bar, prev.h.T @ r_bar  # M1*
    return Cotangents(
        Params(given.params, w_mx_bar, w_mh_bar),
        State(prev_h_bar, given.prev.c),
        x_bar,
        Nodes(s_bar, r_bar, m_bar, given.nodes),
    )


PARAMS = Params(lstm.params, w_mx="D H", w_mh="H H")

multiplicative = Cell("multiplicative", "multiplicative", PARAMS, lstm.state, initial_parameters, forward, backward)
