"""minGRU: a GRU whose gate and candidate read only the input: edges X1-X3 forward, X1*-X3* backward.

derivations/min_gru.md derives each. Conventions that bite: the candidate is made positive, so that its logarithm
exists: g(v) = v + ½ for v > 0, and σ(v) otherwise. g has a kink at 0. z is the share that is written. Order z, n. There
is a bias, which the paper leaves out.
Source: Feng, Tung, Ahmed, Bengio and Hajimirsadeghi, "Were RNNs all we needed?", 2024, section 3.1 and appendix B.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate, log, log_sigmoid, relu, sigmoid, step, where
from lstm_ref.cells.cell import Cell, Cotangents, Tape, blocks, glorot
from lstm_ref.cells.gru import State


class Params(NamedTuple):
    """Parameters, for input size D and hidden size H."""

    w_x: Any
    """Kernel of z, n, (D, 2H)."""
    b: Any
    """Bias, (2H,)."""


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    a: Any
    """Pre-activations of z, n, (B, 2H)."""
    z: Any
    """Update gate, (B, H)."""
    n: Any
    """Candidate, positive."""
    h: Any
    """New hidden state."""


def positive(v: Any) -> Any:
    """g(v): v + ½ where v > 0, σ(v) elsewhere."""
    return relu(v) + sigmoid(-relu(-v))


def slope_of_positive(v: Any, y: Any) -> Any:
    """g'(v), where y = g(v)."""
    return step(v) + step(-v) * (y * (1 - y))  # X2*


def log_positive(v: Any) -> Any:
    """ln g(v), accurate also where g(v) itself underflows."""
    return where(v > 0, log(relu(v) + 0.5), log_sigmoid(-relu(-v)))


def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
    """Glorot kernels and zero biases, float64."""
    return Params(glorot(rng, D, H, 2), np.zeros(2 * H))


def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
    """Next state, and the tape of values that `backward` reads. x (B, D)."""
    a = x @ p.w_x + p.b  # X1
    a_z, a_n = blocks(a, 2)
    z, n = sigmoid(a_z), positive(a_n)  # X2
    h = (1 - z) * state.h + z * n  # X3
    return State(h), Tape(x, state, Nodes(a, z, n, h))


def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
    """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
    x, prev, (a, z, n, _) = tape
    a_n = blocks(a, 2)[1]
    z_bar, n_bar, prev_h_bar = bar.h * (n - prev.h), bar.h * z, bar.h * (1 - z)  # X3*
    a_bar = concatenate((z_bar * z * (1 - z), n_bar * slope_of_positive(a_n, n)), axis=-1)  # X2*
    x_bar, w_x_bar, b_bar = a_bar @ p.w_x.T, x.T @ a_bar, a_bar.sum(0)  # X1*
    return Cotangents(Params(w_x_bar, b_bar), State(prev_h_bar), x_bar, Nodes(a_bar, z_bar, n_bar, bar.h))


PARAMS = Params(w_x="D 2H", b="2H")

min_gru = Cell("min_gru", "min_gru", PARAMS, State(h="B H"), initial_parameters, forward, backward, gates="zn")
