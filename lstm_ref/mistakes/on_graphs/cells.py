"""One of our cells inside a forward: recognised by its values, so that a line of it has a derivation page.

The states of the cell, computed from the inputs in some layout, must be among the values of the graph. The named values
of the cell's steps then tell which equation of its page a line of the forward is.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.cells import Cell
from lstm_ref.mistakes.conformance import candidates
from lstm_ref.mistakes.dictionary import place_of
from lstm_ref.mistakes.guess import arrangements
from lstm_ref.mistakes.on_graphs.edges import Edges
from lstm_ref.mistakes.on_graphs.search import Explanation
from lstm_ref.mistakes.recurrence import run

SAME = 1e-9
"""Relative to the largest element."""
IN_ANY_ORDER = ("lstm", "gru")
"""Cells whose gates people stack in many orders; for other cells, only the page's order is tried."""
FAR = 16
"""Largest number of equations from a term to the named value that it is a part of: a logistic function has four."""


class KnownArrays:
    """Arrays to be found by their elements, in any order and shape."""

    def __init__(self, values: Iterable[tuple[str, Any]]) -> None:
        by_size: dict[int, list[tuple[str, np.ndarray]]] = {}
        for name, v in values:
            by_size.setdefault(int(np.size(v)), []).append((name, np.sort(np.ravel(v))))
        self._by_size = {
            size: ([n for n, _ in those], np.stack([v for _, v in those])) for size, those in by_size.items()
        }

    def name_of(self, value: Any) -> str | None:
        """The name of the first array with these elements."""
        names, rows = self._by_size.get(int(np.size(value)), ([], np.zeros((0, 0))))
        if not names or np.size(value) < 2:
            return None
        mine = np.sort(np.ravel(value))
        near = np.all(np.abs(rows - mine) <= SAME * max(float(np.max(np.abs(mine))), 1e-300), axis=1)
        return names[int(np.argmax(near))] if near.any() else None


class Inside(NamedTuple):
    """A cell that a forward computes."""

    cell: Cell
    nodes: KnownArrays
    """Its named values at all steps."""

    def page_of(self, edges: Edges, explanation: Explanation) -> tuple[str, str] | None:
        """The tag and the place of the derivation of what an explanation is about; None if it is not in the cell."""
        group = explanation.candidate.group
        if group is None:
            return None
        for v in _onwards(edges, group.visits[-1][0][0]):
            node = self.nodes.name_of(edges.graph.values[v])
            if node is not None:
                tag = _tags(self.cell).get(node)
                place = place_of(f"{tag}*", self.cell.page)
                return (f"{tag}*", place) if tag and ":" in place else None
        return None


def recognise(edges: Edges, flat: Mapping[str, Any]) -> Inside | None:
    """The first of our cells whose last and first states are among the graph's values; `flat` are its inputs by
    path."""
    variables = {r for e in edges.graph.equations for r in e.results if edges.graph.is_active[r]}
    values = KnownArrays(("", edges.graph.values[v]) for v in variables if np.ndim(edges.graph.values[v]))
    for cell, arranged in arrangements(flat):
        orders = candidates(cell, arranged, variants=False)
        for _, _, _, params in orders if cell.name in IN_ANY_ORDER else itertools.islice(orders, 1):
            states, tapes = run(cell, params, arranged.initial, arranged.xs)
            if all(values.name_of(states.h[t]) is not None for t in {0, len(states.h) - 1}):
                return Inside(cell, KnownArrays((name, v) for tape in tapes for name, v in _named(tape.nodes)))
    return None


def _named(nodes: Any) -> Iterator[tuple[str, Any]]:
    return ((name, v) for name, v in nodes._asdict().items() if isinstance(v, (np.ndarray, jax.Array)))


def _onwards(edges: Edges, number: int) -> Iterator[int]:
    """The result of an equation, and what is computed from it alone, one after the other."""
    equations = edges.graph.equations
    for _ in range(FAR):
        (v, *_) = equations[number].results
        yield v
        readers = [n for n in edges.all_readers[v] if n >= 0]
        if not readers:
            return
        number = readers[0]


def _tags(cell: Cell) -> dict[str, str]:
    """The tag of the equation of each named value, from the lines of the cell's forward."""
    try:
        source = inspect.getsource(cell.forward)
    except (OSError, TypeError):
        return {}
    found: dict[str, str] = {}
    for names, tag in re.findall(r"^\s+([\w, ]+?) = .*# ([A-Z]+\d+)\b", source, re.M):
        found |= dict.fromkeys(map(str.strip, names.split(",")), tag)
    return found
