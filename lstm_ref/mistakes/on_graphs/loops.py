"""Loops within loops: from which other pass of the same step a backward pass may read a value.

Where each number has its own pass (`for j in range(H): for k in range(H):`), the visits of a line are a grid. Its sizes
are not in the graph, so every grid with that number of visits is tried.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from functools import cache

import numpy as np

from lstm_ref.mistakes.on_graphs.edges import CallStack

LOOPS = (ast.For, ast.While, ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)


def is_nested(stack: CallStack) -> bool:
    """Whether two loops or more go around a line, with those around the calls that led to it."""
    return sum(_depth(tuple(linecache.getlines(frame.file)), frame.line) for frame in stack) > 1


@cache
def _depth(code: tuple[str, ...], line: int) -> int:
    return sum(first <= line <= last for first, last in _repeated(code))


@cache
def _repeated(code: tuple[str, ...]) -> list[tuple[int, int]]:
    """The first and the last line of what each loop repeats."""
    try:
        nodes = [node for node in ast.walk(ast.parse("".join(code))) if isinstance(node, LOOPS)]
    except (SyntaxError, ValueError):
        return []
    return [
        (n.body[0].lineno if isinstance(n, ast.For | ast.While) else n.lineno, n.end_lineno or n.lineno) for n in nodes
    ]


def neighbours(count: int) -> Iterator[tuple[str, list[int]]]:
    """For this many visits, the visit that each one takes its value from, and a word for how: the next or the previous
    pass of one loop, wrapping around; the pass from the other end; or two loops exchanged."""
    visits, seen = np.arange(count), {tuple(range(count))}
    for inner in range(1, count):
        if count % inner:
            continue
        for size in range(2, count // inner + 1):
            if (count // inner) % size:
                continue
            grid = visits.reshape(-1, size, inner)
            ways = [("neighbour's", np.roll(grid, by, 1)) for by in (1, -1)] + [("reversed", grid[:, ::-1])]
            if size == inner:
                ways.append(("transposed", grid.swapaxes(1, 2)))
            for word, way in ways:
                if (row := tuple(way.ravel().tolist())) not in seen:
                    seen.add(row)
                    yield word, list(row)
