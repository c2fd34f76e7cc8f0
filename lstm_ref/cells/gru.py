"""GRU cell, reset gate after the product: edges G1-G5 forward, G1*-G5* backward; derivations/gru.md derives each.

Conventions that bite: there are two biases, because the reset gate multiplies the recurrent one. Gates stand in the
order r, z, n. The update is h = (1 - z) n + z h_prev; other authors exchange z and 1 - z. This is the GRU of cuDNN,
torch and Keras.
Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014; with the reset gate after
the product: Chung et al., "Empirical evaluation of gated recurrent neural networks on sequence modeling", 2014.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate, sigmoid, tanh
from lstm_ref.cells.cell import Cell, Cotangents, Tape, affine, blocks


class Params(NamedTuple):
    """Parameters, for input size D and hidden size H."""

    w_x: Any
    """Input kernel, (D, 3H)."""
    w_h: Any
    """Recurrent kernel, (H, 3H)."""
    b: Any
    """Bias of the input product, (3H,)."""
    b_h: Any
    """Bias of the recurrent product, (3H,)."""


class State(NamedTuple):
    """The state that a step passes to the next, for batch size B."""

    h: Any
    """Hidden state and output, (B, H)."""


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    a: Any
    """Input product for r, z, n, (B, 3H)."""
    m: Any
    """Recurrent product for r, z, n, (B, 3H)."""
    r: Any
    """Reset gate, (B, H)."""
    z: Any
    """Update gate."""
    n: Any
    """Candidate."""
    h: Any
    """New hidden state."""


def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
    """Glorot kernels, gate by gate, and zero biases, float64."""
    return Params(*affine(rng, D, H, 3), b_h=np.zeros(3 * H))


def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
    """Next state, and the tape of values that `backward` reads. x (B, D)."""
    a = x @ p.w_x + p.b  # G1
    m = state.h @ p.w_h + p.b_h  # G2
    (a_r, a_z, a_n), (m_r, m_z, m_n) = blocks(a, 3), blocks(m, 3)
    r, z = sigmoid(a_r + m_r), sigmoid(a_z + m_z)  # G3
    n = tanh(a_n + r * m_n)  # G4
    h = (1 - z) * n + z * state.h  # G5
    return State(h), Tape(x, state, Nodes(a, m, r, z, n, h))


def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
    """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
    x, prev, (_, m, r, z, n, _) = tape
    m_n = blocks(m, 3)[2]
    n_bar, z_bar, kept_bar = bar.h * (1 - z), bar.h * (prev.h - n), bar.h * z  # G5*
    s_bar = n_bar * (1 - n * n)  # G4*  cotangent of the candidate's pre-activation
    r_bar, m_n_bar = s_bar * m_n, s_bar * r  # G4*
    r_in_bar, z_in_bar = r_bar * r * (1 - r), z_bar * z * (1 - z)  # G3*
    a_bar = concatenate((r_in_bar, z_in_bar, s_bar), axis=-1)  # G3*, G4*
    m_bar = concatenate((r_in_bar, z_in_bar, m_n_bar), axis=-1)  # G3*, G4*
    prev_h_bar = kept_bar + m_bar @ p.w_h.T  # G2*  h has two readers: the products, and the update
    w_h_bar, b_h_bar = prev.h.T @ m_bar, m_bar.sum(0)  # G2*
    x_bar, w_x_bar, b_bar = a_bar @ p.w_x.T, x.T @ a_bar, a_bar.sum(0)  # G1*
    return Cotangents(
        Params(w_x_bar, w_h_bar, b_bar, b_h_bar),
        State(prev_h_bar),
        x_bar,
        Nodes(a_bar, m_bar, r_bar, z_bar, n_bar, bar.h),
    )


PARAMS = Params(w_x="D 3H", w_h="H 3H", b="3H", b_h="3H")
STATE = State(h="B H")

gru = Cell("gru", "gru", PARAMS, STATE, initial_parameters, forward, backward, gates="rzn")
