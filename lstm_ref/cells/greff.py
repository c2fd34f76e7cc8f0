"""The LSTM variants of "a search space odyssey", one set of equations: V1-V5, V1*-V5* backward; derivations/greff.md.

Each variant removes something from the LSTM with peepholes. A removed gate is always open: it is 1, its slope i (1 - i)
is 0, and it has neither kernel nor peephole. Conventions that bite: the blocks of the remaining gates stand in the
order i, f, g, o. Parameters and nodes that a variant lacks are None.
Source: Greff, Srivastava, Koutnik, Steunebrink and Schmidhuber, "LSTM: a search space odyssey", IEEE TNNLS 28, 2017.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate, sigmoid, tanh
from lstm_ref.cells.cell import Cell, Cotangents, Tape, affine, blocks
from lstm_ref.cells.lstm import Nodes, State, lstm
from lstm_ref.cells.peephole import Params


class Activation(NamedTuple):
    """A function, and its derivative as a function of its value."""

    value: Callable[[Any], Any]
    slope: Callable[[Any], Any]


TANH = Activation(tanh, lambda y: 1 - y * y)
LINEAR = Activation(lambda a: 1 * a, lambda y: 1 + 0 * y)  # 1 * a makes a separate value, which can have its own name


def variant(
    name: str,
    *,
    gates: str = "ifgo",
    coupled: bool = False,
    of_candidate: Activation = TANH,
    of_cell: Activation = TANH,
    peepholes: bool = True,
) -> Cell:
    """The LSTM that has these gates. With `coupled`, f = 1 - i, and f has no parameters."""
    n = len(gates)
    shared = 1.0 if coupled else 0.0
    peeps = {f"p_{k}": "H" for k in "ifo" if peepholes and k in gates}
    shapes = Params(f"D {n}H", f"H {n}H", f"{n}H", **peeps)

    def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
        """Glorot kernels; zero biases and peepholes, except the forget gate's bias, which is 1."""
        p = Params(*affine(rng, D, H, n), **{k: np.zeros(H) for k in peeps})
        if "f" in gates:
            blocks(p.b, n)[gates.index("f")][:] = 1
        return p

    def by_letter(a: Any) -> list[Any]:
        """The blocks i, f, g, o; None for each block that is missing."""
        parts = dict(zip(gates, blocks(a, n), strict=True))
        return [parts.get(k) for k in "ifgo"]

    def gate(a: Any, weights: Any, c: Any) -> Any:
        """σ(a + p c); None where there is no gate."""
        return None if a is None else sigmoid(a if weights is None else a + weights * c)

    def opened(i: Any, f: Any, o: Any) -> tuple[Any, Any, Any]:
        """The gates as the equations use them: a missing gate is 1."""
        i = 1.0 if i is None else i
        return i, (1 - i if coupled else 1.0 if f is None else f), 1.0 if o is None else o

    def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
        """Next state, and the tape of values that `backward` reads. x (B, D)."""
        a = x @ p.w_x + state.h @ p.w_h + p.b  # V1
        a_i, a_f, a_g, a_o = by_letter(a)
        i, f, g = gate(a_i, p.p_i, state.c), gate(a_f, p.p_f, state.c), of_candidate.value(a_g)  # V2
        write, keep, _ = opened(i, f, None)
        c = keep * state.c + write * g  # V3
        o = gate(a_o, p.p_o, c)  # V4
        u = of_cell.value(c)  # V5
        h = opened(i, f, o)[2] * u  # V5
        return State(h, c), Tape(x, state, Nodes(a, i, f, g, o, c, u, h))

    def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
        """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
        x, prev, nodes = tape
        i, f, o = opened(nodes.i, nodes.f, nodes.o)
        g, c, u = nodes.g, nodes.c, nodes.u
        p_i, p_f, p_o = (0.0 if v is None else v for v in (p.p_i, p.p_f, p.p_o))
        o_bar, u_bar = bar.h * u, bar.h * o  # V5*
        a_o_bar = o_bar * o * (1 - o)  # V4*
        c_bar = bar.c + u_bar * of_cell.slope(u) + a_o_bar * p_o  # V5*, V4*
        kept_bar, g_bar = c_bar * prev.c, c_bar * i  # V3*
        i_bar = c_bar * g - shared * kept_bar  # V3*  when coupled, i has two readers: c, and f = 1 - i
        f_bar = (1 - shared) * kept_bar  # V3*
        a_i_bar, a_f_bar, a_g_bar = i_bar * i * (1 - i), f_bar * f * (1 - f), g_bar * of_candidate.slope(g)  # V2*
        prev_c_bar = c_bar * f + a_i_bar * p_i + a_f_bar * p_f  # V3*, V2*
        p_bar = (a_i_bar * prev.c).sum(0), (a_f_bar * prev.c).sum(0), (a_o_bar * c).sum(0)  # V2*, V4*
        each = {"i": a_i_bar, "f": a_f_bar, "g": a_g_bar, "o": a_o_bar}
        a_bar = concatenate([each[k] for k in gates], axis=-1)  # V1*
        x_bar, prev_h_bar = a_bar @ p.w_x.T, a_bar @ p.w_h.T  # V1*
        w_x_bar, w_h_bar, b_bar = x.T @ a_bar, prev.h.T @ a_bar, a_bar.sum(0)  # V1*
        return Cotangents(
            _as(p, w_x_bar, w_h_bar, b_bar, *p_bar),
            State(prev_h_bar, prev_c_bar),
            x_bar,
            _as(nodes, a_bar, i_bar, f_bar, g_bar, o_bar, c_bar, u_bar, bar.h),
        )

    return Cell(name, "greff", shapes, lstm.state, initial_parameters, forward, backward, gates=gates)


def _as(values: Any, *bars: Any) -> Any:
    """The cotangents; None wherever the value is None."""
    return type(values)(*(None if v is None else bar for v, bar in zip(values, bars, strict=True)))


nig = variant("nig", gates="fgo")
"""No input gate."""
nfg = variant("nfg", gates="igo")
"""No forget gate."""
nog = variant("nog", gates="ifg")
"""No output gate."""
niaf = variant("niaf", of_candidate=LINEAR)
"""No input activation function."""
noaf = variant("noaf", of_cell=LINEAR)
"""No output activation function."""
np_ = variant("np", peepholes=False)
"""No peepholes: the LSTM."""
cifg = variant("cifg", gates="igo", coupled=True)
"""Coupled input and forget gate, f = 1 - i."""
no_output_tanh = variant("no_output_tanh", of_cell=LINEAR, peepholes=False)
"""h = o c, as some tutorials write it."""
