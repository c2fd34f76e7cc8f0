"""LSTM whose recurrence is steered by the input: edges M1-M2 forward, M1*-M2* backward; derivations/multiplicative.md.

The hidden state that the gates read is replaced by m = (x W_mx) (h W_mh); the rest is the LSTM's own equations.
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
    """Of the LSTM, which reads m in the place of h."""
    w_mx: Any
    """What the input gives the factors, (D, H)."""
    w_mh: Any
    """What the hidden state gives them, (H, H)."""


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    s: Any
    """Factor of the input, (B, H)."""
    r: Any
    """Factor of the hidden state, (B, H)."""
    m: Any
    """What the LSTM reads as its hidden state, (B, H)."""
    cell: Any
    """Of the LSTM."""


def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
    """As the LSTM's; Glorot kernels."""
    return Params(lstm.initial_parameters(rng, D, H), glorot(rng, D, H), glorot(rng, H, H))


def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
    """Next state, and the tape of values that `backward` reads. x (B, D)."""
    s, r = x @ p.w_mx, state.h @ p.w_mh  # M1
    m = s * r  # M2
    new, tape = lstm.forward(p.cell, State(m, state.c), x)
    return new, Tape(x, state, Nodes(s, r, m, tape.nodes))


def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
    """Cotangents of all that `forward` read, given `bar` of the next state; each line an edge, from right to left."""
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
