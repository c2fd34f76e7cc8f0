"""Simple (Elman) RNN cell, one time step: edges R1-R2 forward, R1*-R2* backward; derivations/rnn.md derives each.

Source: Elman, "Finding structure in time", Cognitive Science 14, 1990; with ReLU: Le, Jaitly and Hinton, "A simple way
to initialize recurrent networks of rectified linear units", 2015.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import relu, step, tanh
from lstm_ref.cells.cell import Affine as Params
from lstm_ref.cells.cell import Cell, Cotangents, Tape, affine


class State(NamedTuple):
    """The state that a step passes to the next, for batch size B."""

    h: Any
    """Hidden state and output, (B, H)."""


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    a: Any
    """Pre-activation, (B, H)."""
    h: Any


def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
    """Glorot kernels and zero bias, float64."""
    return affine(rng, D, H)


def _cell(name: str, activation: Any, derivative: Any) -> Cell:
    """The RNN with h = activation(a). `derivative` is a function of h, not of a."""

    def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
        """Next state, and the tape of values that `backward` reads. x (B, D)."""
        a = x @ p.w_x + state.h @ p.w_h + p.b  # R1
        h = activation(a)  # R2
        return State(h), Tape(x, state, Nodes(a, h))

    def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
        """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
        x, prev, (_, h) = tape
        a_bar = bar.h * derivative(h)  # R2*
        x_bar, prev_h_bar = a_bar @ p.w_x.T, a_bar @ p.w_h.T  # R1*
        w_x_bar, w_h_bar, b_bar = x.T @ a_bar, prev.h.T @ a_bar, a_bar.sum(0)  # R1*
        return Cotangents(Params(w_x_bar, w_h_bar, b_bar), State(prev_h_bar), x_bar, Nodes(a_bar, bar.h))

    shapes = Params(w_x="D H", w_h="H H", b="H"), State(h="B H")
    return Cell(name, "rnn", *shapes, initial_parameters, forward, backward)


def slope_of_tanh(h: Any) -> Any:
    """Derivative of h = tanh(a)."""
    return 1 - h * h


rnn_tanh = _cell("rnn_tanh", tanh, slope_of_tanh)
rnn_relu = _cell("rnn_relu", relu, step)  # h > 0 exactly where a > 0
