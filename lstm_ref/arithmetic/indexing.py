"""Which element goes where, for the primitives whose indices are values: gather and scatter, counted out by NumPy.

To ask JAX would compile a program for every shape, which takes longer than all else that a check does with an equation.

Source: the semantics of Gather and Scatter, https://openxla.org/xla/operation_semantics; the modes, `jax.lax.gather`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from jax.lax import GatherScatterMode

from lstm_ref.errors import UnknownPrimitive

NOWHERE = -1
"""In place of an element's number: outside of the operand."""


def gathered(eqn: Any, indices: Any) -> np.ndarray:
    """For each element of a gather's result, integers of its shape, the number of the operand's element that it takes;
    NOWHERE for those that are filled. Raises UnknownPrimitive for a mode that is none of XLA's.

    Args:
        eqn: The gather's equation.
        indices: Integers (..., K): of every window, the K coordinates of where it begins.
    """
    how, shape = eqn.params["dimension_numbers"], eqn.invars[0].aval.shape
    flat = [d for d in range(len(shape)) if d in how.collapsed_slice_dims or d in how.operand_batching_dims]
    return _numbers(
        shape,
        indices,
        sizes=eqn.params["slice_sizes"],
        flat=flat,
        window_dims=how.offset_dims,
        start_dims=how.start_index_map,
        batching=zip(how.operand_batching_dims, how.start_indices_batching_dims, strict=True),
        is_moved_inside=_mode(eqn) != GatherScatterMode.FILL_OR_DROP,  # XLA moves windows inside, whoever promised what
    )


def scattered(eqn: Any, indices: Any) -> np.ndarray:
    """For each update of a scatter, integers of the updates' shape, the number of the operand's element on which it
    lands; NOWHERE where it is dropped. Arguments and errors as of `gathered`."""
    how, (shape, _, updates) = eqn.params["dimension_numbers"], (v.aval.shape for v in eqn.invars)
    flat = [d for d in range(len(shape)) if d in how.inserted_window_dims or d in how.operand_batching_dims]
    window = iter(how.update_window_dims)
    return _numbers(
        shape,
        indices,
        sizes=[1 if d in flat else updates[next(window)] for d in range(len(shape))],
        flat=flat,
        window_dims=how.update_window_dims,
        start_dims=how.scatter_dims_to_operand_dims,
        batching=zip(how.operand_batching_dims, how.scatter_indices_batching_dims, strict=True),
        is_moved_inside=_mode(eqn) == GatherScatterMode.CLIP,
    )


def _mode(eqn: Any) -> GatherScatterMode:
    mode = GatherScatterMode.from_any(eqn.params["mode"])
    if mode == GatherScatterMode.ONE_HOT:
        raise UnknownPrimitive(f"{eqn.primitive.name} by one-hot vectors")
    return mode


def _numbers(
    shape: Sequence[int],
    indices: Any,
    *,
    sizes: Sequence[int],
    flat: Sequence[int],
    window_dims: Sequence[int],
    start_dims: Sequence[int],
    batching: Any,
    is_moved_inside: bool,
) -> np.ndarray:
    """The number of the operand's element at each place of the windows that begin at the indices.

    Args:
        shape: Of the operand.
        indices: Integers (..., K), the K coordinates of where a window begins.
        sizes: Of a window, one for each dimension of the operand.
        flat: Dimensions of the operand that the windows' places do not have: of size one.
        window_dims: Which dimensions of the places run through a window; the others run through the indices.
        start_dims: Which dimension of the operand each of the K coordinates is of.
        batching: (Dimension of the operand, dimension of the indices) that run together.
        is_moved_inside: Whether a window that would reach outside is moved; otherwise all its places are NOWHERE.
    """
    many = indices.shape[:-1]
    starts = np.zeros((len(shape), *many), np.int64)
    for k, d in enumerate(start_dims):
        starts[d] = indices[..., k]
    room = np.reshape(np.subtract(shape, sizes), (-1, *(1 for _ in many)))
    if is_moved_inside:
        starts = np.clip(starts, 0, room)
    inside: np.ndarray = np.all((starts >= 0) & (starts <= room), axis=0)
    for d, of_indices in batching:
        starts[d] += np.expand_dims(np.arange(many[of_indices]), [n for n in range(len(many)) if n != of_indices])
    kept = [d for d in range(len(shape)) if d not in flat]
    window = np.indices([sizes[d] for d in kept])
    strides = [prod(shape[d + 1 :]) for d in range(len(shape))]
    first = sum((s * stride for s, stride in zip(starts, strides, strict=True)), np.zeros(many, np.int64))
    within = sum((w * strides[d] for w, d in zip(window, kept, strict=True)), np.zeros(window.shape[1:], np.int64))
    ends = (..., *(None for _ in kept))
    found = np.where(inside[ends], first[ends] + within, NOWHERE)
    return np.moveaxis(found, range(len(many), found.ndim), window_dims)
