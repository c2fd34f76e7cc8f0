"""A cell with its input added to its output: edge RE1 forward, RE1* backward; derivations/residual.md.

Conventions that bite: the next step reads the inner cell's own h, not the sum. The input is as large as the output (D =
H).
Source: Wu et al., "Google's neural machine translation system", 2016, equation 6, after He et al. 2016.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

from lstm_ref.cells.cell import Cell, Cotangents, Tape
from lstm_ref.cells.lstm import lstm


class State(NamedTuple):
    """The state that a step passes to the next."""

    h: Any
    """Output, x plus the inner cell's output, (B, H); the next step does not read it."""
    cell: Any
    """State of the inner cell."""


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    cell: Any
    """Nodes of the inner cell."""
    h: Any
    """Output, (B, H)."""


def residual(inner: Cell, name: str) -> Cell:
    """The inner cell, whose output is x + h."""

    def forward(p: Any, state: State, x: Any) -> tuple[State, Tape]:
        """Next state, and the tape of values that `backward` reads. x (B, H)."""
        new, tape = inner.forward(p, state.cell, x)
        h = x + new.h  # RE1
        return State(h, new), Tape(x, state, Nodes(tape.nodes, h))

    def backward(p: Any, tape: Tape, bar: State) -> Cotangents:
        """Cotangents of all that `forward` read, given the next state's cotangent `bar`."""
        x, prev, nodes = tape
        new_h_bar = bar.cell.h + bar.h  # RE1*  h has two readers: the next step, and the sum
        given = inner.backward(p, Tape(x, prev.cell, nodes.cell), bar.cell._replace(h=new_h_bar))
        x_bar = given.x + bar.h  # RE1*
        return Cotangents(given.params, State(prev.h * 0, given.prev), x_bar, Nodes(given.nodes, bar.h))

    params = jax.tree.map(lambda shape: shape.replace("D", "H"), inner.params)
    initial = lambda rng, D, H: inner.initial_parameters(rng, H, H)  # noqa: E731
    return Cell(
        name,
        "residual",
        params,
        State("B H", inner.state),
        initial,
        forward,
        backward,
        inner.gates,
        "B H",
        by_row=inner.by_row,
    )


residual_lstm = residual(lstm, "residual_lstm")
