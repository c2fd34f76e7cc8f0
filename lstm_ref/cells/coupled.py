"""LSTM in which one gate sets both what is kept and what is written, two variants: edges C1-C5, C1*-C5* backward.

derivations/coupled.md derives each. Conventions that bite: the gates stand in the order s, g, o. In `coupled_input` the
gate s is the input gate and f = 1 - s; in `coupled_forget` it is the forget gate and i = 1 - s.
Source: Greff et al., "LSTM: a search space odyssey", IEEE TNNLS 28, 2017, variant CIFG; the first coupling is its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate, sigmoid, tanh
from lstm_ref.cells.cell import Affine as Params
from lstm_ref.cells.cell import Cell, Cotangents, Tape, affine, blocks
from lstm_ref.cells.lstm import State, lstm


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    a: Any
    """Pre-activations of s, g, o, (B, 3H)."""
    s: Any
    """The shared gate, (B, H)."""
    g: Any
    """Candidate."""
    o: Any
    """Output gate."""
    c: Any
    """New cell state."""
    u: Any
    """tanh of the new cell state."""
    h: Any
    """New hidden state."""


def _cell(name: str, s_writes: bool) -> Cell:
    """The cell whose gate s is the input gate (it writes) or the forget gate (it keeps)."""
    sign = -1.0 if s_writes else 1.0

    def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
        """Glorot kernels, gate by gate; the gate's bias is ∓1, so that the cell mostly keeps its state at first."""
        p = affine(rng, D, H, 3)
        p.b[:H] = sign
        return p

    def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
        """Next state, and the tape of values that `backward` reads. x (B, D)."""
        a = x @ p.w_x + state.h @ p.w_h + p.b  # C1
        a_s, a_g, a_o = blocks(a, 3)
        s, g, o = sigmoid(a_s), tanh(a_g), sigmoid(a_o)  # C2
        f, i = (1 - s, s) if s_writes else (s, 1 - s)
        c = f * state.c + i * g  # C3
        u = tanh(c)  # C4
        h = o * u  # C5
        return State(h, c), Tape(x, state, Nodes(a, s, g, o, c, u, h))

    def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
        """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
        x, prev, (_, s, g, o, _, u, _) = tape
        f, i = (1 - s, s) if s_writes else (s, 1 - s)
        o_bar, u_bar = bar.h * u, bar.h * o  # C5*
        c_bar = bar.c + u_bar * (1 - u * u)  # C4*
        s_bar = sign * (c_bar * (prev.c - g))  # C3*  s has two readers: what is kept, and what is written
        g_bar, prev_c_bar = c_bar * i, c_bar * f  # C3*
        a_bar = concatenate((s_bar * s * (1 - s), g_bar * (1 - g * g), o_bar * o * (1 - o)), axis=-1)  # C2*
        x_bar, prev_h_bar = a_bar @ p.w_x.T, a_bar @ p.w_h.T  # C1*
        w_x_bar, w_h_bar, b_bar = x.T @ a_bar, prev.h.T @ a_bar, a_bar.sum(0)  # C1*
        return Cotangents(
            Params(w_x_bar, w_h_bar, b_bar),
            State(prev_h_bar, prev_c_bar),
            x_bar,
            Nodes(a_bar, s_bar, g_bar, o_bar, c_bar, u_bar, bar.h),
        )

    shapes = Params(w_x="D 3H", w_h="H 3H", b="3H"), lstm.state
    return Cell(name, "coupled", *shapes, initial_parameters, forward, backward, gates="sgo")


coupled_input = _cell("coupled_input", s_writes=True)
coupled_forget = _cell("coupled_forget", s_writes=False)
