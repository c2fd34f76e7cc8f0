"""GRU cell, reset gate before the product, as first published: edges B1-B5 forward, B1*-B5* backward.

derivations/gru_before.md derives each. Conventions that bite: one bias; gates in the order r, z, n. In `gru_before`, z
is the share that is kept, h = z h_prev + (1 - z) n, as Cho et al. write it. In `gru_before_swapped`, z is the share
that is written, as in Chung et al.
Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014, equations 5-8; Chung et
al., "Empirical evaluation of gated recurrent neural networks on sequence modeling", 2014, equations 4-7.
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
    """Input product for r, z, n, (B, 3H)."""
    r: Any
    """Reset gate, (B, H)."""
    z: Any
    """Update gate."""
    k: Any
    """The hidden state times the reset gate."""
    n: Any
    """Candidate."""
    h: Any
    """New hidden state."""


def _cell(name: str, z_keeps: bool) -> Cell:
    """The cell whose update gate z is the share that is kept, or the share that is written."""
    sign = 1.0 if z_keeps else -1.0

    def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
        """Glorot kernels and zero biases, float64."""
        return affine(rng, D, H, 3)

    def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
        """Next state, and the tape of values that `backward` reads. x (B, D)."""
        w_r, w_z, w_n = blocks(p.w_h, 3)
        a = x @ p.w_x + p.b  # B1
        a_r, a_z, a_n = blocks(a, 3)
        r, z = sigmoid(a_r + state.h @ w_r), sigmoid(a_z + state.h @ w_z)  # B2
        k = r * state.h  # B3
        n = tanh(a_n + k @ w_n)  # B4
        keep = z if z_keeps else 1 - z
        h = keep * state.h + (1 - keep) * n  # B5
        return State(h), Tape(x, state, Nodes(a, r, z, k, n, h))

    def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
        """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
        x, prev, (_, r, z, k, n, _) = tape
        w_r, w_z, w_n = blocks(p.w_h, 3)
        keep = z if z_keeps else 1 - z
        n_bar, kept_bar = bar.h * (1 - keep), bar.h * keep  # B5*
        z_bar = sign * (bar.h * (prev.h - n))  # B5*
        a_n_bar = n_bar * (1 - n * n)  # B4*
        k_bar, w_n_bar = a_n_bar @ w_n.T, k.T @ a_n_bar  # B4*
        r_bar, left_bar = k_bar * prev.h, k_bar * r  # B3*
        a_r_bar, a_z_bar = r_bar * r * (1 - r), z_bar * z * (1 - z)  # B2*
        prev_h_bar = kept_bar + left_bar + a_r_bar @ w_r.T + a_z_bar @ w_z.T  # B5*, B3*, B2*  h has four readers
        w_r_bar, w_z_bar = prev.h.T @ a_r_bar, prev.h.T @ a_z_bar  # B2*
        a_bar = concatenate((a_r_bar, a_z_bar, a_n_bar), axis=-1)  # B1*
        w_h_bar = concatenate((w_r_bar, w_z_bar, w_n_bar), axis=-1)  # B2*, B4*
        x_bar, w_x_bar, b_bar = a_bar @ p.w_x.T, x.T @ a_bar, a_bar.sum(0)  # B1*
        return Cotangents(
            Params(w_x_bar, w_h_bar, b_bar),
            State(prev_h_bar),
            x_bar,
            Nodes(a_bar, r_bar, z_bar, k_bar, n_bar, bar.h),
        )

    shapes = Params(w_x="D 3H", w_h="H 3H", b="3H"), State(h="B H")
    return Cell(name, "gru_before", *shapes, initial_parameters, forward, backward, gates="rzn")


gru_before = _cell("gru_before", z_keeps=True)
gru_before_swapped = _cell("gru_before_swapped", z_keeps=False)
