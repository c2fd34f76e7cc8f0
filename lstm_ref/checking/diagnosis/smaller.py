"""Makes a smaller problem of a large one: the same code on a part of the same inputs.

Which axes belong together is read from their lengths. An axis is of a *basic* length, a multiple of one (four
gates), or the sum of two (a state beside an input). Basic lengths are shortened, one after the other, in all inputs at
once, and in whole numbers of that value that the code keeps (`H = 100` in its module, an attribute, a closure). Then
other whole numbers that the code keeps, which may count its steps, are tried at a few. What the code does not take
smaller stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import CellType
from typing import Any

import jax
import numpy as np

from lstm_ref.checking.problem import Problem
from lstm_ref.graph.world import kept, reached
from lstm_ref.leaves import paths

SHORT = (5, 7, 3, 11, 13)
"""New basic lengths, in the order in which they are given out; no one divides another."""
STEPS, MOST_STEPS = 4, 1000
"""What other whole numbers are tried at, and the largest of them."""
MOST_BLOCKS = 8
"""A length that is a larger multiple of another counts as basic."""

KeptRows = dict[int, np.ndarray]
"""By length of an axis, the indices that are left of it."""


@contextmanager
def smaller(problem: Problem) -> Iterator[Problem | None]:
    """The problem on fewer elements, or None if the code takes no shorter axes. Valid inside of the context alone,
    where the code's own numbers are those of the smaller problem."""
    lengths = sorted({n for v in jax.tree.leaves(problem.inputs) for n in np.shape(v) if n > 1})
    basic = [n for k, n in enumerate(lengths) if _made_of(n, lengths[:k]) is None]
    containers: list[Any] = []
    for function in (problem.function, problem.gradients):
        containers += [c for c in reached(function)[0] if not any(c is d for d in containers)]
    found: dict[int, int] = {}
    with kept(containers):
        for n in sorted(basic, reverse=True):
            new = next((s for s in SHORT if s not in found.values()), n)
            if new < n and _runs(problem, containers, lengths, {**found, n: new}):
                found[n] = new
        for n in sorted(_numbers(containers) - set(lengths), reverse=True):
            if STEPS < n <= MOST_STEPS and _runs(problem, containers, lengths, {**found, n: STEPS}):
                found[n] = STEPS
        if not found:
            yield None
            return
        rows = _rows(lengths, found)
        _set(containers, rows, found)
        yield replace(problem, inputs=_cut(problem.inputs, rows))


def _made_of(n: int, shorter: list[int]) -> tuple[int, ...] | None:
    """The shorter lengths that a length consists of; None if it is basic."""
    for m in reversed(shorter):
        if n % m == 0 and n // m <= MOST_BLOCKS and m > MOST_BLOCKS:
            return (m,) * (n // m)
    return next(((a, n - a) for a in shorter if n - a in shorter and min(a, n - a) > MOST_BLOCKS), None)


def _rows(lengths: list[int], found: dict[int, int]) -> KeptRows:
    rows: KeptRows = {}
    for k, n in enumerate(lengths):
        parts = _made_of(n, lengths[:k])
        if parts is None:
            rows[n] = np.arange(found.get(n, n))
        else:
            starts = np.cumsum([0, *parts[:-1]])
            rows[n] = np.concatenate([rows[m] + start for m, start in zip(parts, starts, strict=True)])
    return rows


def _cut(inputs: Any, rows: KeptRows) -> Any:
    def part(v: Any) -> Any:
        for axis, n in enumerate(np.shape(v)):
            if n in rows:
                v = np.take(v, rows[n], axis)
        return v

    return jax.tree.map(part, inputs)


def _set(containers: list[Any], rows: KeptRows, found: dict[int, int]) -> None:
    """Put the new number wherever the code keeps an old one."""
    new = {**found, **{n: len(left) for n, left in rows.items()}}
    for c in containers:
        if isinstance(c, CellType):
            if type(c.cell_contents) is int:
                c.cell_contents = new.get(c.cell_contents, c.cell_contents)
        elif isinstance(c, dict):
            c.update({key: new[v] for key, v in c.items() if type(v) is int and v in new})


def _numbers(containers: list[Any]) -> set[int]:
    """The whole numbers that the code keeps."""
    kept_ones = (c.cell_contents for c in containers if isinstance(c, CellType))
    in_dicts = (v for c in containers if isinstance(c, dict) for v in c.values())
    return {v for v in (*kept_ones, *in_dicts) if type(v) is int}


def _runs(problem: Problem, containers: list[Any], lengths: list[int], found: dict[int, int]) -> bool:
    """Whether the code takes these lengths: forward and claim run, and the claim has the inputs' shapes."""
    rows = _rows(lengths, found)
    with kept(containers):
        _set(containers, rows, found)
        inputs = _cut(problem.inputs, rows)
        try:
            outputs = _as_arrays(problem.function, inputs)
            bars = jax.tree.map(np.ones_like, outputs)
            claimed = paths(_as_arrays(problem.gradients, inputs, bars))
        except (Exception, SystemExit):
            return False
    shapes = {path: np.shape(v) for path, v in paths(inputs).items()}
    finite = all(np.all(np.isfinite(v)) for v in (*jax.tree.leaves(outputs), *claimed.values()))
    return finite and all(v.shape == shapes.get(path) for path, v in claimed.items())


def _as_arrays(function: Callable[..., Any], *arguments: Any) -> Any:
    return jax.tree.map(np.asarray, function(*jax.tree.map(np.copy, arguments)))
