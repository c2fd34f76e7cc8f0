"""LSTM cell, one time step: edges L1-L5 forward, L1*-L5* backward; derivations/lstm.md derives each under its number.

Conventions that bite: one bias; the gates stand in the order i, f, g, o in the last axis of both kernels and the bias.
Source: Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 9, 1997; with the forget gate of Gers,
Schmidhuber and Cummins, "Learning to forget", Neural Computation 12, 2000.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate, sigmoid, tanh
from lstm_ref.cells.cell import Affine as Params
from lstm_ref.cells.cell import Cell, Cotangents, Tape, affine, blocks


class State(NamedTuple):
    """The state that a step passes to the next, for batch size B."""

    h: Any
    """Hidden state and output, (B, H)."""
    c: Any
    """Cell state, (B, H)."""


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

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
    """New cell state."""
    u: Any
    """tanh of the new cell state."""
    h: Any
    """New hidden state."""


def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
    """Glorot kernels, gate by gate; zero biases, except the forget gate's, which is 1.

    Source: Jozefowicz, Zaremba and Sutskever, 2015 (the forget bias).
    """
    p = affine(rng, D, H, 4)
    split_gates(p.b)[1][:] = 1
    return p


def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
    """Next state, and the tape of values that `backward` reads. x (B, D)."""
    a = x @ p.w_x + state.h @ p.w_h + p.b  # L1
    a_i, a_f, a_g, a_o = split_gates(a)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)  # L2
    c = f * state.c + i * g  # L3
    u = tanh(c)  # L4
    h = o * u  # L5
    return State(h, c), Tape(x, state, Nodes(a, i, f, g, o, c, u, h))


def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
    """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
    x, prev, (_, i, f, g, o, _, u, _) = tape
    o_bar, u_bar = bar.h * u, bar.h * o  # L5*
    c_bar = bar.c + u_bar * (1 - u * u)  # L4*  c has two readers: u, and the next step
    i_bar, f_bar, g_bar, prev_c_bar = c_bar * g, c_bar * prev.c, c_bar * i, c_bar * f  # L3*
    a_bar = concatenate(  # L2*
        (i_bar * i * (1 - i), f_bar * f * (1 - f), g_bar * (1 - g * g), o_bar * o * (1 - o)), axis=-1
    )
    x_bar, prev_h_bar = a_bar @ p.w_x.T, a_bar @ p.w_h.T  # L1*
    w_x_bar, w_h_bar, b_bar = x.T @ a_bar, prev.h.T @ a_bar, a_bar.sum(0)  # L1*
    return Cotangents(
        Params(w_x_bar, w_h_bar, b_bar),
        State(prev_h_bar, prev_c_bar),
        x_bar,
        Nodes(a_bar, i_bar, f_bar, g_bar, o_bar, c_bar, u_bar, bar.h),
    )


def split_gates(a: Any) -> tuple[Any, Any, Any, Any]:
    """Splits the gates' blocks.

    Args:
        a: Array (..., 4H), for example pre-activations, a kernel or a bias.

    Returns:
        The blocks i, f, g, o, each (..., H).
    """
    a_i, a_f, a_g, a_o = blocks(a, 4)
    return a_i, a_f, a_g, a_o


def stacked_kernel(p: Params) -> Any:
    """The kernels as one matrix, the view that many tutorials take of L1: a = [h; x] W + b.

    Args:
        p: Parameters with kernels (D, 4H) and (H, 4H).

    Returns:
        W, (H + D, 4H).
    """
    return concatenate((p.w_h, p.w_x), axis=0)


def from_stacked_kernel(w: Any, b: Any) -> Params:
    """The inverse of `stacked_kernel`.

    Args:
        w: Stacked kernel, (H + D, 4H).
        b: Bias, (4H,).

    Returns:
        The LSTM's parameters.
    """
    H = b.shape[-1] // 4
    return Params(w_x=w[H:], w_h=w[:H], b=b)


def separate(p: Params) -> dict[str, Any]:
    """Twelve arrays, one for each gate and kind: a_k = x W_k + h U_k + b_k for k = i, f, g, o.

    Args:
        p: Parameters of the LSTM, or a gradient in the same structure.

    Returns:
        W_k (D, H), U_k (H, H) and b_k (H,) under the names "W_i", "U_i", "b_i", …

    Example:
        >>> import numpy as np
        >>> p = initial_parameters(np.random.default_rng(0), D=3, H=2)
        >>> separate(p)["b_f"].tolist()
        [1.0, 1.0]
    """
    return {
        f"{kind}_{k}": part
        for kind, v in zip("WUb", p, strict=True)
        for k, part in zip("ifgo", split_gates(v), strict=True)
    }


def from_separate(parts: Mapping[str, Any]) -> Params:
    """The inverse of `separate`.

    Args:
        parts: The twelve arrays by name.

    Returns:
        The LSTM's parameters.
    """
    return Params(*(concatenate([parts[f"{kind}_{k}"] for k in "ifgo"], axis=-1) for kind in "WUb"))


PARAMS = Params(w_x="D 4H", w_h="H 4H", b="4H")
STATE = State(h="B H", c="B H")

lstm = Cell("lstm", "lstm", PARAMS, STATE, initial_parameters, forward, backward, gates="ifgo")
