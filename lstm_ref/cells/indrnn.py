"""Independently recurrent network: each unit's recurrence reads only that unit: edges I1-I2 forward, I1*-I2* backward.

derivations/indrnn.md derives each. Conventions that bite: the recurrent kernel is a vector. The activation is ReLU,
whose subgradient at 0 is 0.
Source: Li, Li, Cook, Zhu and Gao, "Independently recurrent neural network (IndRNN)", CVPR 2018, equation 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_ref.arithmetic import relu, step
from lstm_ref.cells.cell import Affine as Params
from lstm_ref.cells.cell import Cell, Cotangents, Tape, glorot
from lstm_ref.cells.rnn import Nodes, State


def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
    """A Glorot kernel, recurrent weights uniform in 0..1 (as in the paper), zero bias; float64."""
    return Params(w_x=glorot(rng, D, H), w_h=rng.uniform(0, 1, H), b=np.zeros(H))


def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
    """Next state, and the tape of values that `backward` reads. x (B, D)."""
    a = x @ p.w_x + state.h * p.w_h + p.b  # I1
    h = relu(a)  # I2
    return State(h), Tape(x, state, Nodes(a, h))


def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
    """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
    x, prev, (a, _) = tape
    a_bar = bar.h * step(a)  # I2*
    x_bar, prev_h_bar = a_bar @ p.w_x.T, a_bar * p.w_h  # I1*
    w_x_bar, w_h_bar, b_bar = x.T @ a_bar, (prev.h * a_bar).sum(0), a_bar.sum(0)  # I1*
    return Cotangents(Params(w_x_bar, w_h_bar, b_bar), State(prev_h_bar), x_bar, Nodes(a_bar, bar.h))


PARAMS = Params(w_x="D H", w_h="H", b="H")

indrnn = Cell("indrnn", "indrnn", PARAMS, State(h="B H"), initial_parameters, forward, backward)
