"""LSTM with variational dropout, the same masks at every step: edges VD1-VD2 forward, VD1*-VD2* backward.

derivations/variational.md derives each. Conventions that bite: the masks are part of the *state*, which passes them on
unchanged, so no second mechanism is needed to keep them constant in time. They hold 0 or 1 / (1 - rate). c is never
masked.
Source: Gal and Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks", NIPS 2016,
equation 6 (tied weights).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lstm_ref.cells.cell import Cotangents, Tape
from lstm_ref.cells.lstm import Params, lstm
from lstm_ref.cells.lstm import State as Inner


class State(NamedTuple):
    """The state that a step passes to the next."""

    h: Any
    """Hidden state and output, (B, H)."""
    c: Any
    """Cell state, (B, H)."""
    m_x: Any
    """Mask of the inputs, (B, D)."""
    m_h: Any
    """Mask of the recurrence, (B, H)."""


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    y: Any
    """Input, masked, (B, D)."""
    k: Any
    """Hidden state, masked, (B, H)."""
    cell: Any
    """Nodes of the LSTM."""


def forward(p: Params, state: State, x: Any) -> tuple[State, Tape]:
    """Next state, and the tape of values that `backward` reads. x (B, D)."""
    y = x * state.m_x  # VD1
    k = state.h * state.m_h  # VD2
    new, tape = lstm.forward(p, Inner(k, state.c), y)
    return State(new.h, new.c, state.m_x, state.m_h), Tape(x, state, Nodes(y, k, tape.nodes))


def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
    """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
    x, prev, (y, k, nodes) = tape
    given = lstm.backward(p, Tape(y, Inner(k, prev.c), nodes), Inner(bar.h, bar.c))
    y_bar, k_bar = given.x, given.prev.h
    prev_h_bar, m_h_bar = k_bar * prev.m_h, bar.m_h + k_bar * prev.h  # VD2*  every step reads the same mask
    x_bar, m_x_bar = y_bar * prev.m_x, bar.m_x + y_bar * x  # VD1*
    return Cotangents(
        given.params, State(prev_h_bar, given.prev.c, m_x_bar, m_h_bar), x_bar, Nodes(y_bar, k_bar, given.nodes)
    )


variational = lstm._replace(
    name="variational",
    page="variational",
    state=State("B H", "B H", "B D", "B H"),
    forward=forward,
    backward=backward,
)
