"""Leaky unit, a cell that a test adds: edges TY1-TY2 forward, TY1*-TY2* backward.

Source: nobody; h = h_prev / 2 + tanh(x W + b).
"""

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import tanh
from lstm_ref.cells.cell import Cell, Cotangents, Tape, glorot
from lstm_ref.cells.gru import State


class Params(NamedTuple):
    """Parameters, for input size D and hidden size H."""

    w_x: Any
    b: Any


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    n: Any
    h: Any


def initial_parameters(rng, D, H):
    """A Glorot kernel and a zero bias."""
    return Params(glorot(rng, D, H), np.zeros(H))


def forward(p, state, x):
    """Next state, and the tape of values that `backward` reads."""
    n = tanh(x @ p.w_x + p.b)  # TY1
    h = state.h / 2 + n  # TY2
    return State(h), Tape(x, state, Nodes(n, h))


def backward(p, tape, bar):
    """Cotangents of all that `forward` read."""
    x, _, (n, _) = tape
    prev_h_bar, a_bar = bar.h / 2, bar.h * (1 - n * n)  # TY2*
    x_bar, w_x_bar, b_bar = a_bar @ p.w_x.T, x.T @ a_bar, a_bar.sum(0)  # TY1*
    return Cotangents(Params(w_x_bar, b_bar), State(prev_h_bar), x_bar, Nodes(bar.h, bar.h))


toy = Cell("toy", "toy", Params("D H", "H"), State("B H"), initial_parameters, forward, backward)
