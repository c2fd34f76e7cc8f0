"""Elementwise functions of one value, as people differentiate them: from pre-activation to activation at once.

`1 / (1 + np.exp(-a))` is four equations and one derivative. A region goes from x to y = f(x) through elementwise
equations that nothing else reads; f is then known by its values, however it is written.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_ref.graph.sweep import Where
from lstm_ref.mistakes.on_graphs.edges import Edges
from lstm_ref.mistakes.on_graphs.forwarded import MOVES

ELEMENTWISE = frozenset(
    [
        "add",
        "sub",
        "mul",
        "div",
        "max",
        "min",
        "neg",
        "abs",
        "exp",
        "exp2",
        "log",
        "log1p",
        "expm1",
        "tanh",
        "logistic",
        "square",
        "integer_pow",
        "pow",
        "sqrt",
        "rsqrt",
        "sin",
        "cos",
        "atan",
        "sinh",
        "cosh",
        "asinh",
        "erf",
        "erfc",
        "select_n",
        "clamp",
        "sign",
        "lt",
        "le",
        "gt",
        "ge",
        "eq",
        "ne",
        "and",
        "or",
        "not",
    ]
) | (MOVES - {"broadcast_in_dim"})
ALONG_ROWS = ELEMENTWISE | {"reduce_sum", "reduce_max", "broadcast_in_dim", "stop_gradient", "reshape", "max"}
DEEP = 12
"""Largest number of equations in a region."""


@dataclass(frozen=True)
class Region:
    """y = f(x), by the numbers of the variables."""

    x: int
    y: int
    edges: tuple[Where, ...]
    """The edges that read x."""
    inside: tuple[int, ...]
    """The numbers of the equations, in order."""

    def is_part_of(self, other: Region) -> bool:
        """Whether the other region has all its equations, and more."""
        return set(self.inside) < set(other.inside)


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x)."""
    return 1 / (1 + np.exp(-x))


def softmax(x: Any) -> Any:
    """The softmax of each row."""
    e = np.exp(x - np.max(x, -1, keepdims=True))
    return e / np.sum(e, -1, keepdims=True)


NAMES: dict[str, Callable[[Any], Any]] = {
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "1 - sigmoid": lambda x: 1 - sigmoid(x),
    "silu": lambda x: x * sigmoid(x),
    "gelu": lambda x: 0.5 * x * (1 + np.vectorize(math.erf, otypes=[float])(x / 2**0.5)),
    "gelu by tanh": lambda x: 0.5 * x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3))),
    "exp": np.exp,
    "softmax": softmax,
}


def name_of(x: Any, y: Any) -> str:
    """The name of the function that gives y at x; empty if no known function does."""
    with np.errstate(all="ignore"):
        for name, f in NAMES.items():
            if (np.ndim(x) or name != "softmax") and np.allclose(f(x), y, rtol=1e-12, atol=1e-14):
                return name
    return ""


def regions(edges: Edges) -> list[list[Region]]:
    """All regions by place, each visit by visit; the longest first, since the part from `-a` to sigmoid(a) is not a
    region of its own."""
    found: dict[Any, list[Region]] = defaultdict(list)
    for n, e in enumerate(edges.graph.equations):
        if e.primitive in ALONG_ROWS and len(e.results) == 1 and edges.reach[e.results[0]]:
            for region in _regions_to(edges, e.results[0], n):
                inner = [edges.site[w] for w in region.edges]
                found[(edges.place(e.kind), e.primitive, tuple(inner))].append(region)
    return sorted(found.values(), key=lambda visits: -len(visits[0].inside))


def _regions_to(edges: Edges, y: int, last: int) -> Iterator[Region]:
    equations, frontier = edges.graph.equations, {y}
    inside: list[int] = []
    rows = False
    while len(inside) < DEEP:
        v = max(frontier, key=lambda v: edges.maker.get(v, -1))
        n = edges.maker.get(v, -1)
        if n < 0 or equations[n].primitive not in ALONG_ROWS:
            return
        rows = rows or equations[n].primitive not in ELEMENTWISE
        inside.append(n)
        frontier.discard(v)
        frontier |= {i for i in equations[n].operands if edges.reach[i] or _is_comparison(edges, i)}
        if len(frontier) == 1:
            (x,) = frontier
            shape, here = np.shape(edges.graph.values[y]), set(inside)
            if np.shape(edges.graph.values[x]) == shape and _is_closed(edges, here, y):
                origin = edges._origin(x)
                reading = tuple(e for e in edges.readers.get(origin, ()) if e[0] in here)
                region = Region(x, y, reading, tuple(sorted(inside)))
                if reading and (not rows or name_of(edges.graph.values[x], edges.graph.values[y]) == "softmax"):
                    yield region


def _is_comparison(edges: Edges, v: int) -> bool:
    """Whether a value without a gradient is made of values with one: which part of a function holds at x."""
    n = edges.maker.get(v)
    return n is not None and any(edges.reach[i] for i in edges.graph.equations[n].operands)


def _is_closed(edges: Edges, inside: set[int], y: int) -> bool:
    """Whether only the region itself reads what it computes on the way to y."""
    made = [r for n in inside for r in edges.graph.equations[n].results if r != y]
    return all(n in inside for r in made for n in edges.all_readers[r])


def value_at(edges: Edges, region: Region, x: Any) -> Any:
    """f(x)."""
    known = {region.x: x}
    values = edges.graph.values
    with np.errstate(all="ignore"):
        for n in region.inside:
            e = edges.graph.equations[n]
            given = e.kind.step(*[known.get(i, values[i]) for i in e.operands])
            known.update(zip(e.results, given if e.kind.several else [given], strict=True))
    return known[region.y]


def derivative_at(edges: Edges, region: Region, x: Any) -> Any:
    """f'(x) of an elementwise f."""
    values, known = edges.graph.values, {region.x: x}
    with np.errstate(all="ignore"):
        for n in region.inside:
            e = edges.graph.equations[n]
            known[e.results[0]] = e.kind.step(*[known.get(i, values[i]) for i in e.operands])
        bars: dict[int, Any] = {region.y: np.ones(np.shape(values[region.y]))}
        for n in reversed(region.inside):
            e = edges.graph.equations[n]
            bar = bars.get(e.results[0])
            if bar is None:
                continue
            xs = [known.get(i, values[i]) for i in e.operands]
            for k, i in enumerate(e.operands):
                if (pull := edges.pulls.get((n, k))) is not None:
                    given = pull(bar, xs, [known[e.results[0]]])
                    bars[i] = given if i not in bars else bars[i] + given
    return bars.get(region.x, np.zeros(np.shape(values[region.x])))
