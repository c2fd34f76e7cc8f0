"""Simple recurrent unit: gates that read the cell state unit by unit: edges S1-S4 forward, S1*-S4* backward.

derivations/sru.md derives each. Conventions that bite: no equation reads the previous h, so h is only an output, and
the gradient of its initial value is zero. Both gates read c of the step *before*. The highway reads x through its own
kernel, which the paper leaves out where D = H. Blocks of the kernel in the order u (candidate), f, r, s (highway).
Source: Lei, Zhang, Wang, Dai and Artzi, "Simple recurrent units for highly parallelizable recurrence", EMNLP 2018,
equations 1-4.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate, sigmoid
from lstm_ref.cells.cell import Cell, Cotangents, Tape, blocks, glorot
from lstm_ref.cells.lstm import State


class Params(NamedTuple):
    """Parameters, for input size D and hidden size H."""

    w_x: Any
    """Kernel of u, f, r, s, (D, 4H)."""
    v_f: Any
    """Weights from c to the forget gate, (H,)."""
    v_r: Any
    """Weights from c to the reset gate, (H,)."""
    b_f: Any
    """Bias of the forget gate, (H,)."""
    b_r: Any
    """Bias of the reset gate, (H,)."""


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    a: Any
    """Input product for u, f, r, s, (B, 4H)."""
    f: Any
    """Forget gate, (B, H)."""
    r: Any
    """Reset gate."""
    c: Any
    """New cell state."""
    h: Any
    """New output."""


def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
    """A Glorot kernel; zero biases; vectors uniform in ±√(3 / H), so that c contributes to a gate the variance that x
    does."""
    v_f, v_r = rng.uniform(-1, 1, (2, H)) * np.sqrt(3 / H)
    return Params(glorot(rng, D, H, 4), v_f, v_r, np.zeros(H), np.zeros(H))


def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
    """Next state, and the tape of values that `backward` reads. x (B, D)."""
    a = x @ p.w_x  # S1
    u, a_f, a_r, s = blocks(a, 4)
    f, r = sigmoid(a_f + p.v_f * state.c + p.b_f), sigmoid(a_r + p.v_r * state.c + p.b_r)  # S2
    c = f * state.c + (1 - f) * u  # S3
    h = r * c + (1 - r) * s  # S4
    return State(h, c), Tape(x, state, Nodes(a, f, r, c, h))


def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
    """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
    x, prev, (a, f, r, c, _) = tape
    u, _, _, s = blocks(a, 4)
    r_bar, s_bar = bar.h * (c - s), bar.h * (1 - r)  # S4*
    c_bar = bar.c + bar.h * r  # S4*
    f_bar, u_bar = c_bar * (prev.c - u), c_bar * (1 - f)  # S3*
    a_f_bar, a_r_bar = f_bar * f * (1 - f), r_bar * r * (1 - r)  # S2*
    prev_c_bar = c_bar * f + a_f_bar * p.v_f + a_r_bar * p.v_r  # S3*, S2*  c has three readers in the next step
    v_f_bar, v_r_bar = (a_f_bar * prev.c).sum(0), (a_r_bar * prev.c).sum(0)  # S2*
    b_f_bar, b_r_bar = a_f_bar.sum(0), a_r_bar.sum(0)  # S2*
    a_bar = concatenate((u_bar, a_f_bar, a_r_bar, s_bar), axis=-1)  # S1*
    x_bar, w_x_bar = a_bar @ p.w_x.T, x.T @ a_bar  # S1*
    return Cotangents(
        Params(w_x_bar, v_f_bar, v_r_bar, b_f_bar, b_r_bar),
        State(prev.h * 0, prev_c_bar),
        x_bar,
        Nodes(a_bar, f_bar, r_bar, c_bar, bar.h),
    )


PARAMS = Params(w_x="D 4H", v_f="H", v_r="H", b_f="H", b_r="H")

sru = Cell("sru", "sru", PARAMS, State(h="B H", c="B H"), initial_parameters, forward, backward, gates="ufrs")
