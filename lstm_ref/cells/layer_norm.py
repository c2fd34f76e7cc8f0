"""LSTM with layer normalisation: edges N1-N6 forward, N0*-N6* backward; derivations/layer_norm.md derives each.

Two forms. `layer_norm` carries c itself to the next step, and normalises it only as the input of tanh (Ba et al.).
`layer_norm_carried` carries the normalised c (TensorFlow's LayerNormBasicLSTMCell). Conventions that bite: mean and
variance are over all 4H pre-activations together, separately for the product with x and the product with h. The
normalised products have no shift of their own, which would be a second bias. Epsilon, 1e-5, is added to the variance.
Source: Ba, Kiros and Hinton, "Layer normalization", 2016, equations 20-22.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate, sigmoid, sqrt, tanh
from lstm_ref.cells.cell import Cell, Cotangents, Tape
from lstm_ref.cells.lstm import State, lstm, split_gates

EPSILON = 1e-5


class Params(NamedTuple):
    """Parameters, for input size D and hidden size H."""

    w_x: Any
    """Input kernel, (D, 4H)."""
    w_h: Any
    """Recurrent kernel, (H, 4H)."""
    b: Any
    """Bias, (4H,)."""
    k_x: Any
    """Gain of the normalised input product, (4H,)."""
    k_h: Any
    """Gain of the normalised recurrent product, (4H,)."""
    k_c: Any
    """Gain of the normalised cell state, (H,)."""
    b_c: Any
    """Shift of the normalised cell state, (H,)."""


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    v_x: Any
    """Input product, (B, 4H)."""
    v_h: Any
    """Recurrent product, (B, 4H)."""
    y_x: Any
    """Input product, normalised."""
    y_h: Any
    """Recurrent product, normalised."""
    a: Any
    """Pre-activations of i, f, g, o, (B, 4H)."""
    i: Any
    """Input gate, (B, H)."""
    f: Any
    """Forget gate."""
    g: Any
    """Candidate."""
    o: Any
    """Output gate."""
    c: Any
    """New cell state, before it is normalised."""
    y_c: Any
    """Normalised."""
    n: Any
    """Normalised cell state with gain and shift, the input of tanh."""
    u: Any
    """tanh of `n`."""
    h: Any
    """New hidden state."""


def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
    """Initialised like the LSTM; gains 1, shift 0."""
    w_x, w_h, b = lstm.initial_parameters(rng, D, H)
    return Params(w_x, w_h, b, np.ones(4 * H), np.ones(4 * H), np.ones(H), np.zeros(H))


def mean(v: Any) -> Any:
    """Mean over the last axis, which is kept with size 1."""
    return v.sum(-1)[..., None] / v.shape[-1]


def normalised(v: Any) -> Any:
    """(v - mean) / standard deviation, over the last axis."""
    d = v - mean(v)
    return d / sqrt(mean(d * d) + EPSILON)  # N0


def normalised_backward(v: Any, y_bar: Any) -> Any:
    """Cotangent of v, given that of y = normalised(v). The parts that would move mean or variance are subtracted."""
    d = v - mean(v)
    r = 1 / sqrt(mean(d * d) + EPSILON)
    y = d * r
    v_bar = r * (y_bar - mean(y_bar) - y * mean(y_bar * y))  # N0*
    return v_bar  # noqa: RET504  the equation needs a name for the dictionary of mistakes


def _cell(name: str, carried: bool) -> Cell:
    """The cell that carries the normalised c, or c itself."""

    def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
        """Next state, and the tape of values that `backward` reads. x (B, D)."""
        v_x, v_h = x @ p.w_x, state.h @ p.w_h  # N1
        y_x, y_h = normalised(v_x), normalised(v_h)  # N0
        a = p.k_x * y_x + p.k_h * y_h + p.b  # N2
        a_i, a_f, a_g, a_o = split_gates(a)
        i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)  # N3
        c = f * state.c + i * g  # N4
        y_c = normalised(c)  # N0
        n = p.k_c * y_c + p.b_c  # N5
        u = tanh(n)  # N6
        h = o * u  # N6
        return State(h, n if carried else c), Tape(x, state, Nodes(v_x, v_h, y_x, y_h, a, i, f, g, o, c, y_c, n, u, h))

    def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
        """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
        x, prev, (v_x, v_h, y_x, y_h, _, i, f, g, o, c, y_c, _, u, _) = tape
        carried_n_bar, carried_c_bar = (bar.c, 0 * bar.c) if carried else (0 * bar.c, bar.c)
        o_bar, u_bar = bar.h * u, bar.h * o  # N6*
        n_bar = carried_n_bar + u_bar * (1 - u * u)  # N6*
        y_c_bar, k_c_bar, b_c_bar = n_bar * p.k_c, (n_bar * y_c).sum(0), n_bar.sum(0)  # N5*
        c_bar = carried_c_bar + normalised_backward(c, y_c_bar)  # N0*
        i_bar, f_bar, g_bar, prev_c_bar = c_bar * g, c_bar * prev.c, c_bar * i, c_bar * f  # N4*
        a_bar = concatenate(  # N3*
            (i_bar * i * (1 - i), f_bar * f * (1 - f), g_bar * (1 - g * g), o_bar * o * (1 - o)), axis=-1
        )
        y_x_bar, y_h_bar = a_bar * p.k_x, a_bar * p.k_h  # N2*
        k_x_bar, k_h_bar, b_bar = (a_bar * y_x).sum(0), (a_bar * y_h).sum(0), a_bar.sum(0)  # N2*
        v_x_bar, v_h_bar = normalised_backward(v_x, y_x_bar), normalised_backward(v_h, y_h_bar)  # N0*
        x_bar, prev_h_bar, w_x_bar, w_h_bar = (
            v_x_bar @ p.w_x.T,
            v_h_bar @ p.w_h.T,
            x.T @ v_x_bar,
            prev.h.T @ v_h_bar,
        )  # N1*
        return Cotangents(
            Params(w_x_bar, w_h_bar, b_bar, k_x_bar, k_h_bar, k_c_bar, b_c_bar),
            State(prev_h_bar, prev_c_bar),
            x_bar,
            Nodes(
                *(v_x_bar, v_h_bar, y_x_bar, y_h_bar, a_bar),
                *(i_bar, f_bar, g_bar, o_bar, c_bar, y_c_bar, n_bar, u_bar, bar.h),
            ),
        )

    return Cell(name, "layer_norm", PARAMS, lstm.state, initial_parameters, forward, backward, gates="ifgo")


PARAMS = Params(w_x="D 4H", w_h="H 4H", b="4H", k_x="4H", k_h="4H", k_c="H", b_c="H")

layer_norm = _cell("layer_norm", carried=False)
layer_norm_carried = _cell("layer_norm_carried", carried=True)
