"""Arrays of terms for what code reads: one atom for each block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from lstm_ref.cells.cell import factors
from lstm_ref.symbolic.arrays import Terms
from lstm_ref.symbolic.axes import Axis, axis_of
from lstm_ref.symbolic.naming import block_name
from lstm_ref.symbolic.sizes import Size, product
from lstm_ref.symbolic.terms import INPUT, atom, value


def inputs(shapes: Any, sizes: Mapping[str, Any], name: str = "{}", gates: str = "") -> Any:
    """Arrays of terms whose elements are inputs: the same structure as the shapes.

    Args:
        shapes: Shapes as text, "B 4H", in a named tuple.
        sizes: Every size by its letter.
        name: How the field's name becomes that of the values.
        gates: Letters for the blocks of an axis that has as many.
    """

    def one(path: Any, shape: str) -> Terms:
        called = name.format(jax.tree_util.keystr(path, simple=True, separator="_"))
        axes = tuple(axis_of(product([n, *(sizes[s] for s in letters)])) for n, letters in map(factors, shape.split()))
        return input_array(called, axes, gates)

    return jax.tree_util.tree_map_with_path(one, shapes)


def input_array(name: str, axes: tuple[Axis, ...], gates: str = "", kind: str = INPUT) -> Terms:
    """An array of inputs: one atom for each block."""
    shape = tuple(len(axis.blocks) for axis in axes)
    grid = np.empty(shape, object)
    for n, place in enumerate(np.ndindex(shape)):
        lengths = [axis.blocks[k] for axis, k in zip(axes, place, strict=True)]
        labels = tuple(k for k, length in enumerate(lengths) if isinstance(length, Size))
        block = atom(kind, block_name(name, n, grid.size, gates), tuple(lengths[k] for k in labels))
        grid[place] = value(block, labels)
    return Terms(grid, axes)


def axis_letters(array: Terms) -> tuple[str, ...]:
    """A letter for the index along each axis: that of its size, with primes where it comes again."""
    letters: list[str] = []
    for axis in array.axes:
        letter = str(axis.blocks[0]).lower() if axis.blocks and isinstance(axis.blocks[0], Size) else "-"
        letters.append(letter + "'" * sum(letter == one.rstrip("'") for one in letters))
    return tuple(letters)
