"""LSTM with zoneout: units keep their old value at random: edges ZO1-ZO2 forward, ZO1*-ZO2* backward.

derivations/zoneout.md derives each. Conventions that bite: the masks are inputs of every step, so that the cell stays a
deterministic function. 1 keeps the old value. h is computed from the new c, even where c itself is kept. With masks
equal to the rate, the cell is the form for evaluation.
Source: Krueger et al., "Zoneout: regularizing RNNs by randomly preserving hidden activations", ICLR 2017, equation 4.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lstm_ref.cells.cell import Cotangents, Tape
from lstm_ref.cells.lstm import Params, State, lstm


class Inputs(NamedTuple):
    """The inputs of a step, apart from the state."""

    x: Any
    """Input, (B, D)."""
    d_h: Any
    """Where h keeps its old value, (B, H): 0 or 1, or a rate."""
    d_c: Any
    """Where c keeps its old value, (B, H)."""


class Nodes(NamedTuple):
    """The named values of a step, in forward order."""

    cell: Any
    """Nodes of the LSTM. Their h and c are the new values."""
    c: Any
    """Cell state, part old and part new, (B, H)."""
    h: Any
    """Hidden state, part old and part new, (B, H)."""


def forward(p: Params, state: State, x: Inputs) -> tuple[State, Tape]:
    """Next state, and the tape of values that `backward` reads."""
    new, tape = lstm.forward(p, state, x.x)
    c = x.d_c * state.c + (1 - x.d_c) * new.c  # ZO1
    h = x.d_h * state.h + (1 - x.d_h) * new.h  # ZO2
    return State(h, c), Tape(x, state, Nodes(tape.nodes, c, h))


def backward(p: Params, tape: Tape, bar: State) -> Cotangents:
    """Cotangents of all that `forward` read, given the next state's cotangent `bar`; one graph edge per line."""
    x, prev, (new, _, _) = tape
    new_h_bar, held_h_bar, d_h_bar = bar.h * (1 - x.d_h), bar.h * x.d_h, bar.h * (prev.h - new.h)  # ZO2*
    new_c_bar, held_c_bar, d_c_bar = bar.c * (1 - x.d_c), bar.c * x.d_c, bar.c * (prev.c - new.c)  # ZO1*
    given = lstm.backward(p, Tape(x.x, prev, new), State(new_h_bar, new_c_bar))
    prev_h_bar, prev_c_bar = given.prev.h + held_h_bar, given.prev.c + held_c_bar  # ZO2*, ZO1*
    return Cotangents(
        given.params,
        State(prev_h_bar, prev_c_bar),
        Inputs(given.x, d_h_bar, d_c_bar),
        Nodes(given.nodes, bar.c, bar.h),
    )


zoneout = lstm._replace(
    name="zoneout", page="zoneout", x=Inputs("B D", "B H", "B H"), forward=forward, backward=backward
)
