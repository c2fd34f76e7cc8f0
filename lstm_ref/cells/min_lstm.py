"""minLSTM: two gates that sum to one and read only the input: edges Z1-Z4 forward, Z1*-Z4* backward.

derivations/min_lstm.md derives each. Conventions that bite: the gates are divided by their sum, in logarithms. The
candidate is positive, as in `min_gru`. Order f, i, n. There is a bias, which the paper leaves out.
Source: Feng, Tung, Ahmed, Bengio and Hajimirsadeghi, "Were RNNs all we needed?", 2024, section 3.2 and appendix B.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate, log_sigmoid, sigmoid
from lstm_ref.cells.cell import Cell, Cotangents, Tape, blocks, glorot
from lstm_ref.cells.gru import State
from lstm_ref.cells.min_gru import Params, positive, slope_of_positive


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    a: Any
    """Pre-activations of f, i, n, (B, 3H)."""
    d: Any
    """Logarithm of f / i, (B, H)."""
    k: Any
    """The share that is kept, f / (f + i)."""
    n: Any
    """Candidate, positive."""
    h: Any
    """New hidden state."""


def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
    """Glorot kernels; zero biases, except the forget gate's, which is 1."""
    b = np.zeros(3 * H)
    b[:H] = 1
    return Params(glorot(rng, D, H, 3), b)


def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
    """Next state, and the tape of values that `backward` reads. x (B, D)."""
    a = x @ p.w_x + p.b  # Z1
    a_f, a_i, a_n = blocks(a, 3)
    d = log_sigmoid(a_f) - log_sigmoid(a_i)  # Z2  f / (f + i) itself is 0 / 0 where both gates are closed
    k, n = sigmoid(d), positive(a_n)  # Z3
    h = k * state.h + (1 - k) * n  # Z4
    return State(h), Tape(x, state, Nodes(a, d, k, n, h))


def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
    """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
    x, prev, (a, _, k, n, _) = tape
    a_f, a_i, a_n = blocks(a, 3)
    k_bar, n_bar, prev_h_bar = bar.h * (prev.h - n), bar.h * (1 - k), bar.h * k  # Z4*
    d_bar = k_bar * k * (1 - k)  # Z3*
    a_bar = concatenate(  # Z2*
        (d_bar * sigmoid(-a_f), -(d_bar * sigmoid(-a_i)), n_bar * slope_of_positive(a_n, n)), axis=-1
    )
    x_bar, w_x_bar, b_bar = a_bar @ p.w_x.T, x.T @ a_bar, a_bar.sum(0)  # Z1*
    return Cotangents(Params(w_x_bar, b_bar), State(prev_h_bar), x_bar, Nodes(a_bar, d_bar, k_bar, n_bar, bar.h))


PARAMS = Params(w_x="D 3H", b="3H")

min_lstm = Cell("min_lstm", "min_lstm", PARAMS, State(h="B H"), initial_parameters, forward, backward, gates="fin")
