"""A cell whose output is projected to fewer numbers: edges J1-J2 forward, J1*-J2* backward; derivations/projected.md.

The inner cell's recurrent kernels read the projected output, so they are (P, 4H). Conventions that bite: the state h
has P numbers, c has H. A bound on the projection makes the gradient zero where the bound is active; exactly at the
bound the gradient passes unchanged, as in torch's clamp.
Source: Sak, Senior and Beaufays, "Long short-term memory based recurrent neural network architectures for large scale
acoustic modeling", Interspeech 2014.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.cells.cell import Cell, Cotangents, Tape, clipped, glorot, within
from lstm_ref.cells.lstm import lstm
from lstm_ref.cells.peephole import peephole


class Params(NamedTuple):
    """Parameters, for H units projected to P."""

    cell: Any
    """Parameters of the inner cell, with a recurrent kernel (P, 4H)."""
    w_p: Any
    """Projection, (H, P)."""


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    cell: Any
    """Nodes of the inner cell. Its `h`, (B, H), is projected."""
    v: Any
    """The projection before it is clipped, (B, P)."""
    h: Any
    """New hidden state and output, (B, P)."""


def projected(inner: Cell, name: str, bound: float | None = None) -> Cell:
    """The inner cell with its output projected, and clipped to ±bound."""
    shapes = Params(inner.params._replace(w_h=inner.params.w_h.replace("H ", "P ", 1)), "H P")

    def initial_parameters(rng: np.random.Generator, D: int, H: int, P: int = 3) -> Params:
        """Initialised like the inner cell; Glorot kernels for the recurrence and the projection."""
        params = inner.initial_parameters(rng, D, H)
        n = params.w_h.shape[1] // H
        return Params(params._replace(w_h=glorot(rng, P, H, n)), glorot(rng, H, P))

    def forward(p: Params, state: Any, x: Any) -> tuple[Any, Tape]:
        """Next state, and the tape of values that `backward` reads. x (B, D)."""
        new, tape = inner.forward(p.cell, state, x)  # the inner cell's own equations
        v = new.h @ p.w_p  # J1
        h = clipped(v, bound)  # J2
        return new._replace(h=h), Tape(x, state, Nodes(tape.nodes, v, h))

    def backward(p: Params, tape: Tape, bar: Any) -> Cotangents:
        """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
        x, prev, nodes = tape
        m = nodes.cell.h
        v_bar = bar.h * within(nodes.v, bound)  # J2*
        m_bar, w_p_bar = v_bar @ p.w_p.T, m.T @ v_bar  # J1*
        given = inner.backward(p.cell, Tape(x, prev, nodes.cell), bar._replace(h=m_bar))
        return Cotangents(Params(given.params, w_p_bar), given.prev, given.x, Nodes(given.nodes, v_bar, bar.h))

    state = inner.state._replace(h="B P")
    return Cell(
        name, "projected", shapes, state, initial_parameters, forward, backward, sizes=(("P", 3),), by_row=inner.by_row
    )


lstmp = projected(lstm, "lstmp")
lstmp_peephole = projected(peephole, "lstmp_peephole")
