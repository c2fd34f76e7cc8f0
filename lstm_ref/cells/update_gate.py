"""The GRU's update without a reset gate, in both conventions for z: edges E1-E3 forward, E1*-E3* backward.

derivations/update_gate.md derives each. Conventions that bite: in `update_gate`, z is the share that is kept, h = z
h_prev + (1 - z) n; in `update_gate_swapped` it is the share that is written. The two are one function of (-W_z, -b_z):
a gradient of one, with the sign of z's block flipped, is right for the other. Order z, n.
Source: Collins, Sohl-Dickstein and Sussillo, "Capacity and trainability in recurrent neural networks", ICLR 2017, the
UGRNN.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate, sigmoid, tanh
from lstm_ref.cells.cell import Affine as Params
from lstm_ref.cells.cell import Cell, Cotangents, Tape, affine, blocks
from lstm_ref.cells.gru import State


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    a: Any
    """Pre-activations of z, n, (B, 2H)."""
    z: Any
    """Update gate, (B, H)."""
    n: Any
    """Candidate."""
    h: Any
    """New hidden state."""


def _cell(name: str, z_keeps: bool) -> Cell:
    """The cell whose update gate z is the share that is kept, or the share that is written."""
    sign = 1.0 if z_keeps else -1.0

    def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
        """Glorot kernels; zero biases, except the gate's, which is ±1, so that the cell mostly keeps its state at
        first."""
        p = affine(rng, D, H, 2)
        p.b[:H] = sign
        return p

    def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
        """Next state, and the tape of values that `backward` reads. x (B, D)."""
        a = x @ p.w_x + state.h @ p.w_h + p.b  # E1
        a_z, a_n = blocks(a, 2)
        z, n = sigmoid(a_z), tanh(a_n)  # E2
        keep = z if z_keeps else 1 - z
        h = keep * state.h + (1 - keep) * n  # E3
        return State(h), Tape(x, state, Nodes(a, z, n, h))

    def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
        """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
        x, prev, (_, z, n, _) = tape
        keep = z if z_keeps else 1 - z
        n_bar, kept_bar = bar.h * (1 - keep), bar.h * keep  # E3*
        z_bar = sign * (bar.h * (prev.h - n))  # E3*
        a_bar = concatenate((z_bar * z * (1 - z), n_bar * (1 - n * n)), axis=-1)  # E2*
        x_bar, prev_h_bar = a_bar @ p.w_x.T, kept_bar + a_bar @ p.w_h.T  # E1*
        w_x_bar, w_h_bar, b_bar = x.T @ a_bar, prev.h.T @ a_bar, a_bar.sum(0)  # E1*
        return Cotangents(Params(w_x_bar, w_h_bar, b_bar), State(prev_h_bar), x_bar, Nodes(a_bar, z_bar, n_bar, bar.h))

    shapes = Params(w_x="D 2H", w_h="H 2H", b="2H"), State(h="B H")
    return Cell(name, "update_gate", *shapes, initial_parameters, forward, backward, gates="zn")


update_gate = _cell("update_gate", z_keeps=True)
update_gate_swapped = _cell("update_gate_swapped", z_keeps=False)
