"""BPTT laid open: the plain loop back through time, with a place for every mistake that is made between the steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.cells import Cell, Cotangents, Tape


@dataclass(frozen=True)
class Recurrence:
    """A cell at given inputs, and the cotangents of its states that were read from outside."""

    cell: Cell
    params: Any
    initial: Any
    xs: Any
    """(T, B, D), or what else the cell reads."""
    states_bar: Any
    """State of arrays (T, B, H): the cotangent of the state after each step, from outside the recurrence."""
    final_bar: Any
    """State of arrays (B, H): the part that belongs to the final state as an output of its own."""
    initial_bar: Any
    """State of arrays (B, H): the initial state's, where it is among the outputs itself."""

    @property
    def T(self) -> int:
        """Number of steps."""
        return int(jax.tree.leaves(self.xs)[0].shape[0])

    @property
    def B(self) -> int:
        """Rows of the batch."""
        return int(self.initial.h.shape[0])

    def tapes(self) -> list[Tape]:
        """What the forward steps leave; made once, for every mistake that is tried on it."""
        return list(self._tapes)

    @cached_property
    def bars_by_step(self) -> list[Any]:
        """`states_bar`, one State for each step."""
        return [jax.tree.map(lambda v, t=t: v[t], self.states_bar) for t in range(self.T)]

    @cached_property
    def _tapes(self) -> list[Tape]:
        return run(self.cell, self.params, self.initial, self.xs)[1]


class ClaimedAdjoints(NamedTuple):
    """What a backward pass claims of a recurrence."""

    params: Any
    initial: Any
    xs: Any


def run(cell: Cell, params: Any, initial: Any, xs: Any) -> tuple[Any, list[Tape]]:
    """State of arrays (T, B, H), and the tapes."""
    state, states, tapes = initial, [], []
    for t in range(len(jax.tree.leaves(xs)[0])):
        state, tape = cell.forward(params, state, jax.tree.map(lambda v, t=t: v[t], xs))
        states.append(state)
        tapes.append(tape)
    return _stacked(states), tapes


def add(a: Any, b: Any) -> Any:
    """Sum of two structures of arrays."""
    return jax.tree.map(lambda x, y: x + y, a, b)


def backward(
    r: Recurrence,
    tapes: Sequence[Tape],
    step: Callable[[Any, Tape, Any], Cotangents] | None = None,
    carried: Callable[[int, Any], Any] = lambda t, bar: bar,
    collect: Callable[[list[Any]], Any] | None = None,
) -> ClaimedAdjoints:
    """BPTT. `step` is the cell's backward; `carried(t, bar)` is what step t receives of the cotangent that step t + 1
    handed back; `collect` makes one of the steps' parameter cotangents, which are in time order."""
    given = _steps_back(r, tapes, step or r.cell.backward, carried)
    params = [g.params for g in given]
    total = collect(params) if collect else jax.tree.map(lambda *v: sum(v[1:], v[0]), *params)
    return ClaimedAdjoints(total, add(given[0].prev, r.initial_bar), _stacked([g.x for g in given]))


def right_nodes(r: Recurrence) -> Any:
    """Adjoints of the named values, each (T, ...), by the right backward pass."""
    return _stacked([g.nodes for g in _steps_back(r, r.tapes(), r.cell.backward, lambda t, bar: bar)])


def _steps_back(
    r: Recurrence,
    tapes: Sequence[Tape],
    step: Callable[[Any, Tape, Any], Cotangents],
    carried: Callable[[int, Any], Any],
) -> list[Cotangents]:
    """What each step gives, in time order."""
    state_bar, given = r.final_bar, []
    for t in range(r.T - 1, -1, -1):
        given.append(step(r.params, tapes[t], add(carried(t, state_bar), r.bars_by_step[t])))
        state_bar = given[-1].prev
    return given[::-1]


def _stacked(parts: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *v: np.stack(v), *parts)
