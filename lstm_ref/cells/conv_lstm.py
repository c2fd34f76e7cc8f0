"""Convolutional LSTM in one or two dimensions, with or without peepholes: edges CL1-CL5 forward, CL1*-CL5* backward.

derivations/conv_lstm.md derives each. Conventions that bite: channels come last. The convolution is a "same"
cross-correlation with zeros beyond the border, so kernel sizes are odd. For D input and H hidden channels, kernels are
(K, D, 4H) and (K, H, 4H), or (K, K, ...). Peephole weights have one number for each place and channel: (W, H) or (U, W,
H). Gates i, f, g, o.
Source: Shi et al., "Convolutional LSTM network: a machine learning approach for precipitation nowcasting", NIPS 2015,
equation 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lstm_ref.arithmetic import concatenate, sigmoid, tanh
from lstm_ref.cells.cell import Cell, Cotangents, Tape
from lstm_ref.cells.lstm import Nodes, State, split_gates
from lstm_ref.cells.peephole import Params


def padded(x: Any, widths: tuple[int, ...]) -> Any:
    """x padded with zeros on both sides of each spatial axis, half a kernel wide."""
    for axis, width in enumerate(widths, start=1):
        border = [x.take(np.array([0]), axis=axis) * 0] * (width // 2)
        x = concatenate([*border, x, *border], axis=axis) if border else x
    return x


def taps(x: Any, w: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    """For every position k of the kernel: k, and the part of x that w[k] multiplies, padded to the shape of the
    input."""
    widths = w.shape[:-2]
    wide = padded(x, widths)
    for k in np.ndindex(widths):
        yield k, wide[(slice(None), *(slice(j, j + n) for j, n in zip(k, x.shape[1:-1], strict=True)))]


def convolved(x: Any, w: Any) -> Any:
    """Σ_k x[.. + k] w[k]: (B, ..., D) to (B, ..., 4H)."""
    return sum(seen @ w[k] for k, seen in taps(x, w))


def convolved_backward(x: Any, w: Any, a_bar: Any) -> tuple[Any, Any]:
    """Cotangents of x and w. The cotangent of x is a convolution with the reversed kernel."""
    mirrored = tuple(slice(None, None, -1) for _ in w.shape[:-2])
    x_bar = convolved(a_bar, w[mirrored].swapaxes(-1, -2))  # CL0*
    flat = a_bar.reshape(-1, a_bar.shape[-1])
    rows = [seen.reshape(-1, x.shape[-1]).T @ flat for _, seen in taps(x, w)]  # CL0*
    return x_bar, concatenate([row[None] for row in rows]).reshape(w.shape)


def _cell(name: str, dimensions: int, peepholes: bool) -> Cell:
    """The cell in one or two dimensions."""
    kernel, places = {1: ("K", "W"), 2: ("K K", "U W")}[dimensions]
    over = tuple(range(dimensions + 1))  # batch and spatial axes

    def initial_parameters(rng: np.random.Generator, D: int, H: int, K: int = 3, W: int = 4, U: int = 2) -> Params:
        """Uniform Glorot kernels, scaled by the number of terms in each sum; zero biases and peepholes; forget bias
        1."""
        size = (K,) * dimensions

        def drawn(channels: int) -> np.ndarray:
            bound = np.sqrt(6 / ((channels + H) * K**dimensions))
            return rng.uniform(-bound, bound, (*size, channels, 4 * H))

        b = np.zeros(4 * H)
        b[H : 2 * H] = 1
        maps = [np.zeros((*(U, W)[2 - dimensions :], H)) for _ in range(3)] if peepholes else [None] * 3
        return Params(drawn(D), drawn(H), b, *maps)

    def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
        """Next state, and the tape of values that `backward` reads. x (B, W, D) or (B, U, W, D)."""
        p_i, p_f, p_o = (0.0 if v is None else v for v in (p.p_i, p.p_f, p.p_o))
        a = convolved(x, p.w_x) + convolved(state.h, p.w_h) + p.b  # CL1
        a_i, a_f, a_g, a_o = split_gates(a)
        i, f, g = sigmoid(a_i + p_i * state.c), sigmoid(a_f + p_f * state.c), tanh(a_g)  # CL2
        c = f * state.c + i * g  # CL3
        o = sigmoid(a_o + p_o * c)  # CL4
        u = tanh(c)  # CL5
        h = o * u  # CL5
        return State(h, c), Tape(x, state, Nodes(a, i, f, g, o, c, u, h))

    def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
        """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
        x, prev, (_, i, f, g, o, c, u, _) = tape
        p_i, p_f, p_o = (0.0 if v is None else v for v in (p.p_i, p.p_f, p.p_o))
        o_bar, u_bar = bar.h * u, bar.h * o  # CL5*
        a_o_bar = o_bar * o * (1 - o)  # CL4*
        c_bar = bar.c + u_bar * (1 - u * u) + a_o_bar * p_o  # CL5*, CL4*
        i_bar, f_bar, g_bar = c_bar * g, c_bar * prev.c, c_bar * i  # CL3*
        a_i_bar, a_f_bar, a_g_bar = i_bar * i * (1 - i), f_bar * f * (1 - f), g_bar * (1 - g * g)  # CL2*
        prev_c_bar = c_bar * f + a_i_bar * p_i + a_f_bar * p_f  # CL3*, CL2*
        p_bar = (a_i_bar * prev.c).sum(0), (a_f_bar * prev.c).sum(0), (a_o_bar * c).sum(0)  # CL2*, CL4*
        a_bar = concatenate((a_i_bar, a_f_bar, a_g_bar, a_o_bar), axis=-1)  # CL1*
        x_bar, w_x_bar = convolved_backward(x, p.w_x, a_bar)
        prev_h_bar, w_h_bar = convolved_backward(prev.h, p.w_h, a_bar)
        b_bar = a_bar.sum(over)  # CL1*
        return Cotangents(
            Params(w_x_bar, w_h_bar, b_bar, *(p_bar if peepholes else ())),
            State(prev_h_bar, prev_c_bar),
            x_bar,
            Nodes(a_bar, i_bar, f_bar, g_bar, o_bar, c_bar, u_bar, bar.h),
        )

    maps = [f"{places} H"] * 3 if peepholes else []
    shapes = Params(f"{kernel} D 4H", f"{kernel} H 4H", "4H", *maps), State(f"B {places} H", f"B {places} H")
    sizes = (("K", 3), ("W", 4), *((("U", 2),) if dimensions == 2 else ()))
    return Cell(name, "conv_lstm", *shapes, initial_parameters, forward, backward, "ifgo", f"B {places} D", sizes)


conv_lstm_1d = _cell("conv_lstm_1d", 1, peepholes=False)
conv_lstm_1d_peephole = _cell("conv_lstm_1d_peephole", 1, peepholes=True)
conv_lstm_2d = _cell("conv_lstm_2d", 2, peepholes=False)
conv_lstm_2d_peephole = _cell("conv_lstm_2d_peephole", 2, peepholes=True)
