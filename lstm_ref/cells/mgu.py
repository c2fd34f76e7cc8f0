"""Minimal gated unit: one gate that resets and updates: edges A1-A5 forward, A1*-A5* backward; derivations/mgu.md.

Conventions that bite: in `mgu` the gate f is the share that is written, h = (1 - f) h_prev + f n, as in the paper. In
`mgu_keeps` it is the share that is kept, h = f h_prev + (1 - f) n. The two are different functions, since the same f
also resets. Order f, n.
Source: Zhou, Wu, Zhang and Zhou, "Minimal gated unit for recurrent neural networks", 2016, equations 6a-6c.
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
    """Input product for f, n, (B, 2H)."""
    f: Any
    """The gate, (B, H)."""
    k: Any
    """The hidden state times the gate."""
    n: Any
    """Candidate."""
    h: Any
    """New hidden state."""


def _cell(name: str, f_keeps: bool) -> Cell:
    """The unit whose gate f is the share that is kept, or the share that is written."""
    sign = 1.0 if f_keeps else -1.0

    def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
        """Glorot kernels; zero biases, except the gate's, which is 1 (as in the paper)."""
        p = affine(rng, D, H, 2)
        p.b[:H] = 1
        return p

    def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
        """Next state, and the tape of values that `backward` reads. x (B, D)."""
        w_f, w_n = blocks(p.w_h, 2)
        a = x @ p.w_x + p.b  # A1
        a_f, a_n = blocks(a, 2)
        f = sigmoid(a_f + state.h @ w_f)  # A2
        k = f * state.h  # A3
        n = tanh(a_n + k @ w_n)  # A4
        keep = f if f_keeps else 1 - f
        h = keep * state.h + (1 - keep) * n  # A5
        return State(h), Tape(x, state, Nodes(a, f, k, n, h))

    def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
        """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
        x, prev, (_, f, k, n, _) = tape
        w_f, w_n = blocks(p.w_h, 2)
        keep = f if f_keeps else 1 - f
        n_bar, kept_bar = bar.h * (1 - keep), bar.h * keep  # A5*
        a_n_bar = n_bar * (1 - n * n)  # A4*
        k_bar, w_n_bar = a_n_bar @ w_n.T, k.T @ a_n_bar  # A4*
        f_bar = sign * (bar.h * (prev.h - n)) + k_bar * prev.h  # A5*, A3*  f has two readers: it updates and resets
        a_f_bar = f_bar * f * (1 - f)  # A2*
        prev_h_bar, w_f_bar = kept_bar + k_bar * f + a_f_bar @ w_f.T, prev.h.T @ a_f_bar  # A5*, A3*, A2*
        a_bar = concatenate((a_f_bar, a_n_bar), axis=-1)  # A1*
        w_h_bar = concatenate((w_f_bar, w_n_bar), axis=-1)  # A2*, A4*
        x_bar, w_x_bar, b_bar = a_bar @ p.w_x.T, x.T @ a_bar, a_bar.sum(0)  # A1*
        return Cotangents(
            Params(w_x_bar, w_h_bar, b_bar), State(prev_h_bar), x_bar, Nodes(a_bar, f_bar, k_bar, n_bar, bar.h)
        )

    shapes = Params(w_x="D 2H", w_h="H 2H", b="2H"), State(h="B H")
    return Cell(name, "mgu", *shapes, initial_parameters, forward, backward, gates="fn")


mgu = _cell("mgu", f_keeps=False)
mgu_keeps = _cell("mgu_keeps", f_keeps=True)
