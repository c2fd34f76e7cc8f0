"""Two cells, one on top of the other, as one cell: edge ST1 forward, ST1* backward; derivations/stacked.md derives
both.

A stack of any height is a stack on top of a stack. Conventions that bite: the state has the upper cell's fields, and
the lower cell's state in its field `below`. Both cells have the same hidden size.
Source: Graves, Mohamed and Hinton, "Speech recognition with deep recurrent neural networks", ICASSP 2013, equation 9.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.cells.cell import Cell, Cotangents, Tape
from lstm_ref.cells.lstm import lstm


class Params(NamedTuple):
    """Parameters of both cells."""

    below: Any
    above: Any


class Nodes(NamedTuple):
    """Named values of both cells."""

    below: Any
    above: Any
    h: Any
    """The upper cell's output."""


def stacked(below: Cell, above: Cell, name: str) -> Cell:
    """The cell `above`, which reads the outputs of the cell `below`."""
    # Fields are named as in the upper cell, so that `h` is its output.
    tuple_of: Any = namedtuple
    State = tuple_of("State", (*above.state._fields, "below"))
    upper = type(above.state)

    def initial_parameters(rng: np.random.Generator, D: int, H: int) -> Params:
        """Each cell's own initial parameters."""
        return Params(below.initial_parameters(rng, D, H), above.initial_parameters(rng, H, H))

    def forward(p: Params, state: Any, x: Any) -> tuple[Any, Tape]:
        """Next state, and the tape of values that `backward` reads. x (B, D)."""
        lower, lower_tape = below.forward(p.below, state.below, x)
        x_above = lower.h  # ST1
        new, tape = above.forward(p.above, upper(*state[:-1]), x_above)
        return State(*new, lower), Tape(x, state, Nodes(lower_tape.nodes, tape.nodes, new.h))

    def backward(p: Params, tape: Tape, bar: Any) -> Cotangents:
        """Cotangents of all that `forward` read, given the next state's cotangent `bar`."""
        x, prev, nodes = tape
        upper_given = above.backward(p.above, Tape(nodes.below.h, upper(*prev[:-1]), nodes.above), upper(*bar[:-1]))
        h_bar = bar.below.h + upper_given.x  # ST1*  the lower output has two readers: the next step, and the upper cell
        given = below.backward(p.below, Tape(x, prev.below, nodes.below), bar.below._replace(h=h_bar))
        return Cotangents(
            Params(given.params, upper_given.params),
            State(*upper_given.prev, given.prev),
            given.x,
            Nodes(given.nodes, upper_given.nodes, bar.h),
        )

    params = Params(below.params, jax.tree.map(lambda shape: shape.replace("D", "H"), above.params))
    state = State(*above.state, below.state)
    return Cell(
        name,
        "stacked",
        params,
        state,
        initial_parameters,
        forward,
        backward,
        x=below.x,
        by_row=below.by_row and above.by_row,
    )


stacked_lstm = stacked(lstm, lstm, "stacked_lstm")
