"""The positions of a graph's vertices, labels and bends: a layered drawing, from left to right.

Each edge's label has its own position, in a column between two columns of vertices. Longer edges get bends in the
columns they pass. All are ordered together, so no label overlaps another label, a vertex or an edge.
Source: Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures", IEEE Trans. SMC
11, 1981.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from lstm_ref.reporting.graph import Diagram, Edge

# Inches.
VERTEX_WIDTH, LABEL_WIDTH, CURVE = 0.56, 0.62, 0.42
_VERTEX_HEIGHT, _LABEL_HEIGHT, _BEND_HEIGHT = 0.74, 0.42, 0.26
_SWEEPS = 24


class Placement(NamedTuple):
    """The positions of everything, in inches."""

    width: float
    height: float
    vertices: dict[str, tuple[float, float]]
    labels: dict[Edge, tuple[float, float]]
    bends: dict[Edge, list[tuple[float, float]]]
    """Points that the edge passes between source and target, from left to right, including its label's."""


class _Place(NamedTuple):
    """Something that needs room in a column: a vertex, a label or a bend."""

    column: int
    height: float


def place(graph: Diagram) -> Placement:
    """Coordinates in inches, with the origin at the lower left."""
    depth = _depths(graph)
    places = [_Place(2 * depth[v.name], _VERTEX_HEIGHT) for v in graph.vertices]
    number = {v.name: n for n, v in enumerate(graph.vertices)}
    chains: dict[Edge, list[int]] = {}
    for edge in graph.edges:
        first, last = places[number[edge.source]].column, places[number[edge.target]].column
        between = range(len(places), len(places) + last - first - 1)
        places += [_Place(c, _LABEL_HEIGHT if c == last - 1 else _BEND_HEIGHT) for c in range(first + 1, last)]
        chains[edge] = [number[edge.source], *between, number[edge.target]]
    links = [link for chain in chains.values() for link in itertools.pairwise(chain)]
    columns = _ordered(places, links)
    ys = _heights(places, links, columns)
    middles = _middles(len(columns))
    points = [(middles[place.column], y) for place, y in zip(places, ys, strict=True)]
    return Placement(
        width=middles[-1] + VERTEX_WIDTH,
        height=float(max(ys)) + _VERTEX_HEIGHT,
        vertices={v.name: points[n] for n, v in enumerate(graph.vertices)},
        labels={edge: points[chain[-2]] for edge, chain in chains.items()},
        bends={edge: [points[n] for n in chain[1:-1]] for edge, chain in chains.items()},
    )


def _depths(graph: Diagram) -> dict[str, int]:
    """The column of each vertex: as far left as its sources allow. Inputs stand just before their first reader.

    An input that meets parameters at its reader stands one column before them, so that it does not cross them.
    """
    kind = {v.name: v.kind for v in graph.vertices}
    sources: dict[str, list[str]] = {name: [] for name in kind}
    readers: dict[str, list[str]] = {name: [] for name in kind}
    for edge in graph.edges:
        sources[edge.target].append(edge.source)
        readers[edge.source].append(edge.target)
    depth: dict[str, int] = {}

    def of_node(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max((of_node(s) for s in sources[name] if kind[s] in ("node", "outside")), default=1)
        return depth[name]

    for name in kind:
        if kind[name] in ("node", "outside"):
            of_node(name)
    for name in kind:
        if kind[name] in ("input", "parameter"):
            meets = kind[name] == "input" and any(kind[s] == "parameter" for r in readers[name] for s in sources[r])
            depth[name] = min((depth[r] for r in readers[name]), default=2) - (2 if meets else 1)
    first = min(depth.values())
    return {name: d - first for name, d in depth.items()}


def _middles(columns: int) -> list[float]:
    widths = [VERTEX_WIDTH if c % 2 == 0 else LABEL_WIDTH for c in range(columns)]
    edges = np.cumsum([VERTEX_WIDTH / 2, *(w + CURVE for w in widths)])
    return [float(left + w / 2) for left, w in zip(edges, widths, strict=False)]


def _ordered(places: list[_Place], links: list[tuple[int, int]]) -> list[list[int]]:
    """The positions of each column from top to bottom, with few crossings: barycentre sweeps, of which the best is
    kept."""
    columns: list[list[int]] = [[] for _ in range(1 + max(p.column for p in places))]
    for n, place in enumerate(places):
        columns[place.column].append(n)
    left, right = _neighbours(len(places), links)
    best, fewest = [list(c) for c in columns], _crossings(columns, right)
    for sweep in range(_SWEEPS):
        backwards = sweep % 2 == 0
        rank = {n: r / max(len(c) - 1, 1) for c in columns for r, n in enumerate(c)}
        for column in reversed(columns) if backwards else columns:
            near = right if backwards else left
            centre = {n: np.mean([rank[m] for m in near[n]]) if near[n] else rank[n] for n in column}
            column.sort(key=lambda n: round(float(centre[n]), 9))
            rank.update({n: r / max(len(column) - 1, 1) for r, n in enumerate(column)})
        _swap_neighbours(columns, left, right)
        crossings = _crossings(columns, right)
        if crossings < fewest:
            best, fewest = [list(c) for c in columns], crossings
    return best


def _swap_neighbours(columns: list[list[int]], left: list[list[int]], right: list[list[int]]) -> None:
    """Swaps two neighbours in a column wherever this removes crossings."""
    for index, column in enumerate(columns):
        position = {n: r for c in columns[max(index - 1, 0) : index + 2] for r, n in enumerate(c)}

        def inversions(a: int, b: int, position: dict[int, int] = position) -> int:
            return sum(position[p] > position[q] for near in (left, right) for p in near[a] for q in near[b])

        for k in range(len(column) - 1):
            a, b = column[k], column[k + 1]
            if inversions(b, a) < inversions(a, b):
                column[k], column[k + 1] = b, a


def _neighbours(count: int, links: list[tuple[int, int]]) -> tuple[list[list[int]], list[list[int]]]:
    left: list[list[int]] = [[] for _ in range(count)]
    right: list[list[int]] = [[] for _ in range(count)]
    for a, b in links:
        right[a].append(b)
        left[b].append(a)
    return left, right


def _crossings(columns: list[list[int]], right: list[list[int]]) -> int:
    total = 0
    for here, there in itertools.pairwise(columns):
        rank = {n: r for r, n in enumerate(there)}
        ends = np.array([rank[m] for n in here for m in sorted(right[n], key=rank.__getitem__)])
        total += int(sum((ends[k + 1 :] < end).sum() for k, end in enumerate(ends)))
    return total


def _heights(places: list[_Place], links: list[tuple[int, int]], columns: list[list[int]]) -> np.ndarray:
    """The y of every position, as near to its neighbours' as the order and the room in each column allow."""
    left, right = _neighbours(len(places), links)
    ys = np.zeros(len(places))
    gaps = [[(places[a].height + places[b].height) / 2 for a, b in itertools.pairwise(c)] for c in columns]
    for column, gap in zip(columns, gaps, strict=True):
        ys[column] = -np.cumsum([0.0, *gap])
        ys[column] -= ys[column].mean()
    for sweep in range(4 * _SWEEPS):
        order = range(len(columns)) if sweep % 2 else reversed(range(len(columns)))
        for index in order:
            column = columns[index]
            wanted = [np.mean([ys[m] for m in (left[n] + right[n]) or [n]]) for n in column]
            ys[column] = _spaced(np.array(wanted), np.array(gaps[index]))
    return ys - ys.min() + _VERTEX_HEIGHT / 2


def _spaced(wanted: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """The decreasing sequence with at least these gaps that is nearest to `wanted`: isotonic regression by pooling."""
    offsets = np.concatenate([[0.0], np.cumsum(gaps)])
    pools: list[tuple[float, int]] = []
    for value in wanted + offsets:
        mean, count = float(value), 1
        while pools and pools[-1][0] < mean:
            other, size = pools.pop()
            mean, count = (mean * count + other * size) / (count + size), count + size
        pools.append((mean, count))
    return np.concatenate([np.full(count, mean) for mean, count in pools]) - offsets
