"""Quasi-recurrent network, three poolings: edges W1-W4 forward, W1*-W4* backward; derivations/qrnn.md derives each.

Gates and candidate read the inputs of this step and of the step before, and nothing else from the past. Only the
pooling is recurrent. Conventions that bite: the previous input is part of the state, and receives a cotangent from the
next step. The candidate n (the paper's z) and the gates stand in the order n, f, o, i. There is a bias, which the paper
leaves out.
Source: Bradbury, Merity, Xiong and Socher, "Quasi-recurrent neural networks", ICLR 2017, equations 1-6.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate, sigmoid, tanh
from lstm_ref.cells.cell import Cell, Cotangents, Tape, blocks, glorot


class Params(NamedTuple):
    """Parameters. n is the number of gates plus candidate: 2 for f-, 3 for fo-, 4 for ifo-pooling."""

    w_now: Any
    """Kernel of this step's input, (D, nH)."""
    w_before: Any
    """Kernel of the previous step's input, (D, nH)."""
    b: Any
    """Bias, (nH,)."""


class State(NamedTuple):
    """The state that a step passes to the next."""

    h: Any
    """Output, (B, H)."""
    c: Any
    """Pooled value, (B, H); in f-pooling it equals h."""
    x: Any
    """This step's input, (B, D), which the next step reads."""


class Nodes(NamedTuple):
    """The named values of a step, in forward order; None for gates that a pooling does not have."""

    a: Any
    """Pre-activations, (B, nH)."""
    n: Any
    """Candidate, (B, H)."""
    f: Any
    """Forget gate."""
    o: Any
    """Output gate."""
    i: Any
    """Input gate."""
    c: Any
    """New pooled value."""
    h: Any
    """New output."""


def pooling(name: str, gates: str) -> Cell:
    """The cell with its candidate and these gates: "f", "fo" or "ifo"."""
    letters = "n" + "".join(k for k in "foi" if k in gates)
    size, without_input_gate = len(letters), 0.0 if "i" in gates else 1.0

    def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
        """Glorot kernels; zero biases, except the forget gate's, which is 1."""
        b = np.zeros(size * H)
        b[H : 2 * H] = 1
        return Params(glorot(rng, D, H, size), glorot(rng, D, H, size), b)

    def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
        """Next state, and the tape of values that `backward` reads. x (B, D)."""
        a = x @ p.w_now + state.x @ p.w_before + p.b  # W1
        parts = dict(zip(letters, blocks(a, size), strict=True))
        n, f = tanh(parts["n"]), sigmoid(parts["f"])  # W2
        o, i = (sigmoid(parts[k]) if k in parts else None for k in "oi")  # W2
        c = f * state.c + (1 - f if i is None else i) * n  # W3
        h = 1 * c if o is None else o * c  # W4
        return State(h, c, x), Tape(x, state, Nodes(a, n, f, o, i, c, h))

    def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
        """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
        x, prev, nodes = tape
        n, f, c = nodes.n, nodes.f, nodes.c
        o = 1.0 if nodes.o is None else nodes.o
        i = 1 - f if nodes.i is None else nodes.i
        o_bar, c_bar = bar.h * c, bar.c + bar.h * o  # W4*
        n_bar, i_bar, prev_c_bar = c_bar * i, c_bar * n, c_bar * f  # W3*
        f_bar = c_bar * prev.c - without_input_gate * i_bar  # W3*  without an input gate, f has two readers
        a_n_bar, a_f_bar = n_bar * (1 - n * n), f_bar * f * (1 - f)  # W2*
        a_o_bar, a_i_bar = o_bar * o * (1 - o), i_bar * i * (1 - i)  # W2*
        each = {"n": a_n_bar, "f": a_f_bar, "o": a_o_bar, "i": a_i_bar}
        a_bar = concatenate([each[k] for k in letters], axis=-1)  # W2*
        x_bar, prev_x_bar = bar.x + a_bar @ p.w_now.T, a_bar @ p.w_before.T  # W1*  the next step reads x as well
        w_now_bar, w_before_bar, b_bar = x.T @ a_bar, prev.x.T @ a_bar, a_bar.sum(0)  # W1*
        given = None if nodes.o is None else o_bar, None if nodes.i is None else i_bar
        return Cotangents(
            Params(w_now_bar, w_before_bar, b_bar),
            State(prev.h * 0, prev_c_bar, prev_x_bar),
            x_bar,
            Nodes(a_bar, n_bar, f_bar, *given, c_bar, bar.h),
        )

    shapes = Params(f"D {size}H", f"D {size}H", f"{size}H"), State("B H", "B H", "B D")
    return Cell(name, "qrnn", *shapes, initial_parameters, forward, backward, gates=letters)


qrnn_f = pooling("qrnn_f", "f")
qrnn_fo = pooling("qrnn_fo", "fo")
qrnn_ifo = pooling("qrnn_ifo", "ifo")
