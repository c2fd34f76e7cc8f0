"""Thousands of edited sweeps at the price of a few: each equation hands back by a matrix, for many sweeps at once.

Each row is a sweep with its own edits. Rows without an edit so far share one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_ref.graph.sweep import Context, RuleEdit, Where
from lstm_ref.mistakes.on_graphs.edges import Edges

ROWS = 256
"""Number of sweeps made at once."""
ELEMENTS = 40_000_000
"""Largest total size of a graph's matrices; larger graphs are swept one edit at a time."""


class Scaled:
    """The edit that multiplies by a number."""

    def __init__(self, c: float) -> None:
        self.c = c

    def __call__(self, contribution: Any, at: Context) -> Any:
        """The edit."""
        return None if self.c == 0 else self.c * contribution


def size_of(edges: Edges) -> int:
    """How many elements the matrices of a graph have."""
    equations = edges.graph.equations
    size = lambda v: int(np.size(edges.graph.values[v]))  # noqa: E731
    return sum(size(r) * size(equations[n].operands[k]) for n, k in edges.pulls for r in equations[n].results)


class Batched:
    """The sweeps of one graph."""

    def __init__(self, edges: Edges, seeds: Sequence[Any]) -> None:
        self.edges, self.graph = edges, edges.graph
        self.seeds = [(i, np.reshape(s, (1, -1))) for i, s in zip(self.graph.outputs, seeds, strict=True)]
        if "matrices" not in edges.memory:
            edges.memory["matrices"] = self._matrices()
        self.matrices: dict[int, list[tuple[int, int, list[Any]]]] = edges.memory["matrices"]

    def _matrices(self) -> dict[int, list[tuple[int, int, list[Any]]]]:
        """For each equation and each of its operands: (its position, its variable, a matrix for each result)."""
        found: dict[int, list[tuple[int, int, list[Any]]]] = {}
        values = self.graph.values
        with np.errstate(all="ignore"):
            for (n, k), pull in self.edges.pulls.items():
                e = self.graph.equations[n]
                xs, ys = [values[i] for i in e.operands], [values[r] for r in e.results]
                each: list[Any] = []
                for j, r in enumerate(e.results):
                    if not self.graph.is_active[r]:
                        each.append(None)
                        continue
                    rows = []
                    for unit in np.eye(ys[j].size if hasattr(ys[j], "size") else 1):
                        bar: Any = unit.reshape(np.shape(ys[j]))
                        if e.kind.several:
                            bars: list[Any] = [None] * len(ys)
                            bars[j] = bar
                            bar = bars
                        rows.append(np.ravel(pull(bar, xs, ys)))
                    each.append(_plain(np.array(rows).reshape(len(rows), np.size(xs[k]))))
                found.setdefault(n, []).append((k, e.operands[k], each))
        return found

    def bars(self, rows: Sequence[dict[Where, RuleEdit]]) -> list[Any]:
        """The adjoints of every variable, (rows or 1, size); None for a variable that no output depends on."""
        bars: list[Any] = [None] * len(self.graph.values)
        by_edge: dict[Where, list[tuple[int, RuleEdit]]] = {}
        for row, edits in enumerate(rows):
            for where, edit in edits.items():
                by_edge.setdefault(where, []).append((row, edit))
        for i, seed in self.seeds:
            if self.graph.is_active[i]:
                bars[i] = seed if bars[i] is None else bars[i] + seed
        with np.errstate(all="ignore"):
            for n in range(len(self.graph.equations) - 1, -1, -1):
                e = self.graph.equations[n]
                for k, i, matrices in self.matrices.get(n, ()):
                    total: Any = None
                    for r, m in zip(e.results, matrices, strict=True):
                        if m is None or bars[r] is None:
                            continue
                        part = bars[r] if m is IDENTITY else bars[r] * m if m.ndim == 1 else bars[r] @ m
                        total = part if total is None else total + part
                    if total is None:
                        continue
                    if (n, k) in by_edge:
                        total = self._edited(total, by_edge[n, k], n, k, bars, len(rows))
                    bars[i] = total if bars[i] is None else bars[i] + total
        return bars

    def _edited(
        self, total: Any, edits: list[tuple[int, RuleEdit]], n: int, k: int, bars: list[Any], count: int
    ) -> np.ndarray:
        values, e = self.graph.values, self.graph.equations[n]
        out = np.array(np.broadcast_to(total, (count, total.shape[1])))
        scaled = [(row, edit.c) for row, edit in edits if isinstance(edit, Scaled)]
        if scaled:
            numbers = [row for row, _ in scaled]
            out[numbers] *= np.array([c for _, c in scaled])[:, None]
            out[[row for row, c in scaled if c == 0]] = 0.0
        if len(scaled) == len(edits):
            return out
        xs, ys = [values[i] for i in e.operands], [values[r] for r in e.results]
        contributions = out.reshape(count, *np.shape(xs[k]))
        of_results = [
            None if bars[r] is None else bars[r].reshape(len(bars[r]), *np.shape(values[r])) for r in e.results
        ]
        for row, edit in edits:
            if isinstance(edit, Scaled):
                continue

            def adjoint(v: int, row: int = row) -> Any:
                b = bars[v]
                return None if b is None else b[row if len(b) > 1 else 0].reshape(np.shape(values[v]))

            given = [None if b is None else b[row if len(b) > 1 else 0] for b in of_results]
            bar = given if e.kind.several else given[0]
            try:
                new = edit(contributions[row], Context(self.graph, n, k, bar, xs, ys, adjoint))
            except ValueError:  # edits that do not fit these shapes are skipped
                new = np.nan
            if new is None:
                out[row] = 0.0
                continue
            new = np.asarray(new)
            out[row] = new.reshape(-1) if new.size == out.shape[1] else np.nan  # of another size
        return out

    def gradients(self, rows: Sequence[dict[Where, RuleEdit]]) -> np.ndarray:
        """The gradients of the inputs, flat, one row for each sweep."""
        bars = self.bars(rows)
        parts = []
        for i in self.graph.inputs:
            size = int(np.size(self.graph.values[i]))
            parts.append(np.broadcast_to(np.zeros((1, size)) if bars[i] is None else bars[i], (len(rows), size)))
        return np.concatenate(parts, axis=1)


IDENTITY: Any = "identity"


def _plain(m: np.ndarray) -> Any:
    """A diagonal as a vector; nothing where it is the identity."""
    if m.shape[0] == m.shape[1]:
        diagonal = np.diagonal(m)
        if np.count_nonzero(m) == np.count_nonzero(diagonal) and np.isfinite(m).all():
            return IDENTITY if np.all(diagonal == 1) else diagonal.copy()
    return m
