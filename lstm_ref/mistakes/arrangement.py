"""Another layout of a cell's arrays, described by a mapping from it to ours; gradients go back through the mapping.

A mapping is a function that takes the user's inputs and returns our arrays by name. It may only rearrange, scale, and
add arrays to each other or to constants. It runs twice: on the numbers, and on arrays whose elements are linear
combinations of the user's elements, which shows exactly where each element of ours comes from. So any NumPy code will
do, and nobody has to write the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import jax
import numpy as np

from lstm_ref.cells import Cell
from lstm_ref.cells.cell import filled, named, solve_sizes
from lstm_ref.errors import BadInput
from lstm_ref.mistakes.recurrence import ClaimedAdjoints

MappingLike = Callable[[Any], Mapping[str, Any]] | Mapping[str, str]


Sources: TypeAlias = dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]
"""For each of our arrays: (index into it, index into the user's elements, coefficient), each (N,)."""


@dataclass(frozen=True, eq=False)
class Arrangement:
    """The user's inputs as ours, and the way back for gradients."""

    params: Any
    initial: Any
    xs: np.ndarray
    find_sources: Callable[[], Sources]
    shapes: dict[str, tuple[int, ...]]
    """The user's inputs by path, in the order in which their elements are counted."""

    @cached_property
    def sources(self) -> Sources:
        """Where every element of ours comes from; found when first needed, element by element."""
        return self.find_sources()

    def gradients(self, ours: ClaimedAdjoints) -> dict[str, np.ndarray]:
        """Our gradients in the user's layout, by path; NaN where the mapping does not reach."""
        sizes = [int(np.prod(s)) for s in self.shapes.values()]
        total, reached = np.zeros(sum(sizes)), np.zeros(sum(sizes), bool)
        arrays = {**named(ours.params), **named(ours.initial), "xs": ours.xs}
        for name, (at, come_from, coefficient) in self.sources.items():
            np.add.at(total, come_from, coefficient * np.ravel(arrays[name])[at])
            reached[come_from] = True
        total[~reached] = np.nan
        parts = np.split(total, np.cumsum(sizes)[:-1])
        return {path: part.reshape(s) for (path, s), part in zip(self.shapes.items(), parts, strict=True)}


class Combination:
    """Σ coefficient · element: what a rearranged, added or scaled element is made of. Constants are left out."""

    __slots__ = ("terms",)

    def __init__(self, terms: dict[int, float]) -> None:
        self.terms = terms

    def __add__(self, other: Any) -> Combination:
        if not isinstance(other, Combination):  # a constant, which no gradient sees
            return self
        terms = dict(self.terms)
        for n, coefficient in other.terms.items():
            terms[n] = terms.get(n, 0.0) + coefficient
        return Combination(terms)

    __radd__ = __add__

    def __mul__(self, factor: Any) -> Combination:
        if isinstance(factor, Combination):
            raise TypeError("two elements are multiplied")
        return Combination({n: c * float(factor) for n, c in self.terms.items()})

    __rmul__ = __mul__

    def __truediv__(self, factor: Any) -> Combination:
        return self * (1 / factor)

    def __neg__(self) -> Combination:
        return self * -1.0

    def __sub__(self, other: Any) -> Combination:
        return self + -other

    def __rsub__(self, other: Any) -> Combination:
        return -self + other


def arrange(cell: Cell, inputs: Any, mapping: MappingLike | None, flat: Mapping[str, Any]) -> Arrangement:
    """The layout that the mapping describes; `flat` holds the leaves of `inputs` by path. Raises BadInput if there is
    none.

    A mapping gives the cell's parameters, its initial state and `xs` by name; an initial state left out is zero.
    """
    found = arrange_numbers(cell, inputs, mapping, flat)
    found.sources  # noqa: B018  # a mapping that does more than rearrange is refused here
    return found


def arrange_numbers(cell: Cell, inputs: Any, mapping: MappingLike | None, flat: Mapping[str, Any]) -> Arrangement:
    """The same without the way back, which is worked out when first needed."""
    if not isinstance(cell.x, str):
        raise BadInput(f"cell = {cell.name!r}: a cell whose input is several arrays cannot be described by a mapping")
    parameters, fields = named(cell.params), named(cell.state)
    numbers = {k: np.asarray(v, dtype=np.float64) for k, v in _call(cell, mapping, inputs, flat).items()}
    for name in (*parameters, "xs"):
        if name not in numbers:
            raise BadInput(
                f"cell = {cell.name!r}: the mapping must give {', '.join((*parameters, *fields, 'xs'))} by name; "
                f"{name} is not among {', '.join(numbers) or 'nothing'}"
            )
    axes = ("T", *cell.x.split())
    if numbers["xs"].ndim != len(axes):
        wanted = ", ".join(axes)
        raise BadInput(f"cell = {cell.name!r}: the mapping must give xs as ({wanted}), got shape {numbers['xs'].shape}")
    where = f"cell = {cell.name!r}: of what the mapping gives,"
    came = {k: v.shape for k, v in numbers.items()}
    sizes = solve_sizes((where, cell.x, {"": came["xs"][1:]}), (where, cell.params, came), (where, cell.state, came))
    expected = {**named(filled(cell.params, sizes)), **named(filled(cell.state, sizes))}
    unknown = set(numbers) - set(expected) - {"xs"}
    if unknown:
        raise BadInput(
            f"cell = {cell.name!r}: the mapping gives {', '.join(sorted(unknown))}, which the cell does not have"
        )

    def find_sources() -> Sources:
        offsets, count = {}, 0
        for path, value in flat.items():
            offsets[path] = count
            count += int(np.size(value))
        symbols = {path: _symbols(np.shape(v), offsets[path]) for path, v in flat.items()}
        path_of = {id(v): path for path, v in flat.items()}
        symbolic = jax.tree.map(lambda v: symbols[path_of[id(v)]], inputs)
        return {name: _sources(cell, name, v) for name, v in _call(cell, mapping, symbolic, symbols).items()}

    return Arrangement(
        jax.tree.unflatten(jax.tree.structure(cell.params), [numbers[f] for f in parameters]),
        jax.tree.unflatten(jax.tree.structure(cell.state), [numbers.get(f, np.zeros(expected[f])) for f in fields]),
        numbers["xs"],
        find_sources,
        {path: np.shape(v) for path, v in flat.items()},
    )


def _call(cell: Cell, mapping: MappingLike | None, inputs: Any, flat: Mapping[str, Any]) -> dict[str, Any]:
    """The cell's arrays by our names. A dict names the path of each; without a mapping, the inputs have our names."""
    if not callable(mapping):
        names = mapping if mapping is not None else {path.rpartition(".")[2]: path for path in flat}
        for ours, path in names.items():
            if path not in flat:
                raise BadInput(f"mapping: {ours} is said to be {path!r}, which is no input ({', '.join(flat)})")
        return {ours: flat[path] for ours, path in names.items()}
    try:
        given = mapping(inputs)
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(
            f"cell = {cell.name!r}: mapping(inputs) fails: {type(error).__name__}: {error} "
            "(it may rearrange, add and scale the inputs, and nothing else)"
        ) from error
    if not isinstance(given, Mapping):
        raise BadInput(
            f"cell = {cell.name!r}: mapping(inputs) must return a dict of arrays, got {type(given).__name__}"
        )
    return dict(given)


def _symbols(shape: tuple[int, ...], first: int) -> np.ndarray:
    """An array of `Combination`s, each one element alone, numbered from `first`."""
    out = np.empty(int(np.prod(shape)), dtype=object)
    out[:] = [Combination({first + n: 1.0}) for n in range(out.size)]
    return out.reshape(shape)


def _sources(cell: Cell, name: str, value: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    elements = np.ravel(np.asarray(value, dtype=object))
    found = []
    for at, element in enumerate(elements):
        if isinstance(element, Combination):
            found += [(at, n, c) for n, c in element.terms.items()]
        elif element != 0 and not np.isfinite(element):
            raise BadInput(f"cell = {cell.name!r}: the mapping of {name} is not finite")
    columns = list(zip(*found, strict=True)) or [(), (), ()]
    return np.array(columns[0], int), np.array(columns[1], int), np.array(columns[2], float)
