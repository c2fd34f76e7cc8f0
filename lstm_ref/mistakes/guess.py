"""Finding a known cell in a user's inputs, when nobody says which it is: by shapes, and proven by the forward's values.

Every way is tried in which the inputs could hold a cell's arrays: a kernel for x and one for h, or one for both in
either order; gates side by side, or one array each; transposed or not; one bias, or two that add up; sequences with the
time or the batch first. Gate orders are not tried here: conformance does that. A way counts only if the cell then goes
through the user's outputs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from lstm_ref.cells import CELLS, Cell
from lstm_ref.cells.cell import named
from lstm_ref.errors import BadInput
from lstm_ref.mistakes.arrangement import Arrangement, arrange_numbers
from lstm_ref.mistakes.conformance import Match, match_cell

Take = Callable[[Mapping[str, Any]], Any]
"""Our array from the user's inputs by path."""
MOST = 200
"""Ways tried of a cell, at about ten milliseconds each: ambiguous shapes (D = H) have a few dozen."""

MOST_BIASES = 3
"""With at most this many arrays of a bias's shape, every subset is tried: two may be biases, one a state of one row."""


class _Array(NamedTuple):
    """Something that may be one of our arrays."""

    shape: tuple[int, ...]
    take: Take
    paths: frozenset[str]
    """Paths of the user's inputs that it is made of."""


def guess(flat: Mapping[str, Any], outputs: Mapping[str, np.ndarray]) -> Match | None:
    """The first cell, in some layout, that goes through these outputs. None if there is none, or if a kernel is
    symmetric (an identity at the start of training), because it fits either way round."""
    if any(_is_symmetric(v) for v in flat.values()):
        return None
    for cell, arranged in arrangements(flat):
        try:
            found = match_cell(cell, arranged, outputs, variants=False)
        except (BadInput, ValueError):
            continue
        if found is not None:
            return found
    return None


def _is_symmetric(v: Any) -> bool:
    return np.ndim(v) == 2 and np.shape(v)[0] == np.shape(v)[1] > 1 and np.array_equal(v, np.transpose(v))


def arrangements(flat: Mapping[str, Any]) -> Iterator[tuple[Cell, Arrangement]]:
    """Every cell in every layout that fits the shapes of the inputs by path."""
    for cell in CELLS.values():
        for mapping in itertools.islice(_mappings(cell, flat), MOST):
            with suppress(BadInput, ValueError):
                yield cell, arrange_numbers(cell, flat, mapping, flat)


def _mappings(cell: Cell, flat: Mapping[str, Any]) -> Iterator[Callable[[Any], dict[str, Any]]]:
    """Functions from the inputs by path to the cell's arrays, whose shapes fit."""
    fields = tuple(named(cell.params))
    if fields not in (("w_x", "w_h", "b"), ("w_x", "w_h", "b", "b_h")):
        return  # a cell with other arrays needs a mapping
    gates = max(1, len(cell.gates))
    for path, value in flat.items():
        for axes in ((0, 1, 2), (1, 0, 2), (0, 2, 1)) if np.ndim(value) == 3 else ():
            _, B, D = (np.shape(value)[a] for a in axes)
            xs: Take = lambda v, path=path, axes=axes: v[path].transpose(axes)  # type: ignore[misc]  # noqa: E731
            rest = {p: np.shape(v) for p, v in flat.items() if p != path}
            for H in sorted({s for shape in rest.values() for s in shape if s > 1} | {1}):
                for kernels, states in itertools.product(
                    _kernels(rest, D, H, gates, "b_h" in fields), _states(cell, rest, B, H)
                ):
                    yield lambda v, k=kernels, s=states, xs=xs: {  # type: ignore[misc]
                        "xs": xs(v),
                        **{name: take(v) for name, take in (*k.items(), *s.items())},
                    }


def _kernels(
    rest: Mapping[str, tuple[int, ...]], D: int, H: int, gates: int, two_biases: bool
) -> Iterator[dict[str, Take]]:
    """The parameters. All biases that fit are added up, or only some of them (an array in the shape of a bias may be a
    state of one row). If the cell has two biases, both orders are tried."""
    arrays = list(_side_by_side(rest, H, gates))
    for kernels, used in _of_x_and_h(arrays, D, H, gates):
        biases = [a.take for a in arrays if a.shape == (gates * H,) and not a.paths & used]
        if two_biases:
            for one, two in itertools.permutations(biases, 2):
                yield kernels | {"b": one, "b_h": two}
            continue
        fewest = 1 if len(biases) <= MOST_BIASES else len(biases)
        for number in range(len(biases), fewest - 1, -1):
            for some in itertools.combinations(biases, number):
                yield kernels | {"b": lambda v, some=some: sum((b(v) for b in some[1:]), some[0](v))}


def _of_x_and_h(arrays: list[_Array], D: int, H: int, gates: int) -> Iterator[tuple[dict[str, Take], frozenset[str]]]:
    """The two kernels, and what they are made of: one array each, or both in one."""
    for both in (a for a in arrays if a.shape == (D + H, gates * H)):
        for first_h in (True, False):
            n = H if first_h else D
            upper: Take = lambda v, w=both.take, n=n: w(v)[:n]  # type: ignore[misc]  # noqa: E731
            lower: Take = lambda v, w=both.take, n=n: w(v)[n:]  # type: ignore[misc]  # noqa: E731
            w_h, w_x = (upper, lower) if first_h else (lower, upper)
            yield {"w_x": w_x, "w_h": w_h}, both.paths
    for of_x, of_h in itertools.permutations(arrays, 2):
        if of_x.shape == (D, gates * H) and of_h.shape == (H, gates * H) and not of_x.paths & of_h.paths:
            yield {"w_x": of_x.take, "w_h": of_h.take}, of_x.paths | of_h.paths


def _side_by_side(rest: Mapping[str, tuple[int, ...]], H: int, gates: int) -> Iterator[_Array]:
    """Single inputs, and siblings of one shape joined gate by gate; kernels as (·, gates·H), biases as (gates·H,)."""
    for path, shape in rest.items():
        yield from _both_ways(shape, lambda v, path=path: v[path], frozenset([path]))  # type: ignore[misc]
    families: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for path, shape in rest.items():
        together = path.rpartition(".")[0] or path[:1]  # W.f, W.i, W.c, W.o; or Wf, Wi, Wc, Wo
        families.setdefault((together, shape), []).append(path)
    for family, shape in dict.fromkeys((tuple(family), shape) for (_, shape), family in families.items()):
        if gates > 1 and len(family) == gates:
            for one in _both_ways(shape, lambda v: v, frozenset(family)):
                joined = (*one.shape[:-1], gates * one.shape[-1])
                if one.shape[-1] == H:
                    yield _Array(
                        joined,
                        lambda v, f=family, one=one: np.concatenate([one.take(v[p]) for p in f], axis=-1),  # type: ignore[misc]
                        one.paths,
                    )


def _both_ways(shape: tuple[int, ...], take: Callable[[Any], Any], paths: frozenset[str]) -> Iterator[_Array]:
    """The array as it is and transposed; a row or column vector also flattened."""
    if len(shape) == 1:
        yield _Array(shape, take, paths)
    if len(shape) == 2:
        yield _Array(shape, take, paths)
        yield _Array(shape[::-1], lambda v: take(v).T, paths)
        if 1 in shape:
            yield _Array((shape[0] * shape[1],), lambda v: take(v).reshape(-1), paths)


def _states(cell: Cell, rest: Mapping[str, tuple[int, ...]], B: int, H: int) -> Iterator[dict[str, Take]]:
    """Initial states among the inputs, in every order; or none, where they are zero."""
    fields = named(cell.state)
    fit: list[Take] = []
    for path, shape in rest.items():
        if shape == (B, H):
            fit.append(lambda v, path=path: v[path])  # type: ignore[misc]
        elif shape == (H, B):
            fit.append(lambda v, path=path: v[path].T)  # type: ignore[misc]
    for chosen in itertools.permutations(fit, len(fields)):
        yield dict(zip(fields, chosen, strict=True))
    yield {}
