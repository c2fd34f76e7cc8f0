"""Rules for the JAX primitives that only move elements: the same balls, in other places.

The simple ones use NumPy. For the intricate ones (gather, pad, the index arithmetic of scatter) JAX itself does the
indexing: the primitive runs once on the elements' *numbers*, and its output says where each ball goes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flint import arb
from jax import lax

from lstm_ref.arithmetic.balls import equal
from lstm_ref.arithmetic.scalars import NAN
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import CannotEvaluate, UnknownPrimitive

Evaluation = Callable[..., Any]
"""(operand values of an equation) -> the value of its result, or a list of them where it has several."""

StepRule = Callable[[Any], Evaluation]
"""(equation of a jaxpr) -> its step. Work that depends only on shapes and parameters is done here, once."""


def boxed(x: Any) -> np.ndarray:
    """`x` as an array. NumPy returns bare elements where an array would be zero-dimensional."""
    if isinstance(x, np.ndarray):
        return x
    if not isinstance(x, arb):
        return np.asarray(x)
    array = np.empty((), dtype=object)
    array[()] = x
    return array


def is_float(x: Any) -> bool:
    """Whether an array, scalar or abstract value has a floating dtype (and is therefore held as balls)."""
    return bool(jnp.issubdtype(dtype_of(x), jnp.floating))


def dtype_of(x: Any) -> Any:
    """The dtype of `x`. Tokens and the like have none; they get a dtype that nothing else has."""
    return x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype if np.isscalar(x) else np.dtype(object)


def unknown(message: str) -> Evaluation:
    """A step that raises UnknownPrimitive with this message when it runs."""

    def step(*_: Any) -> Any:
        raise UnknownPrimitive(message)

    return step


# ----------------------------------------------------------------------------------------------- NumPy's own


def _identity(eqn: Any) -> Evaluation:
    return (lambda *xs: xs) if eqn.primitive.multiple_results else (lambda x: x)


def _reshape(eqn: Any) -> Evaluation:
    shape, order = eqn.outvars[0].aval.shape, eqn.params.get("dimensions")
    return lambda x: (x if order is None else x.transpose(order)).reshape(shape)


def _to_shape(eqn: Any) -> Evaluation:
    """squeeze and expand_dims: only axes of size one disappear or appear."""
    shape = eqn.outvars[0].aval.shape
    return lambda x: x.reshape(shape)


def _transpose(eqn: Any) -> Evaluation:
    permutation = eqn.params["permutation"]
    return lambda x: x.transpose(permutation)


def _broadcast_in_dim(eqn: Any) -> Evaluation:
    shape, kept = eqn.params["shape"], eqn.params["broadcast_dimensions"]
    aligned = [1] * len(shape)
    for axis, size in zip(kept, eqn.invars[0].aval.shape, strict=True):
        aligned[axis] = size
    return lambda x, *_: np.broadcast_to(x.reshape(aligned), shape)


def _slice(eqn: Any) -> Evaluation:
    starts, limits = eqn.params["start_indices"], eqn.params["limit_indices"]
    strides = eqn.params["strides"] or [1] * len(starts)
    where = tuple(slice(*s) for s in zip(starts, limits, strides, strict=True))
    return lambda x: x[(*where, ...)]


def _window(starts: Any, sizes: Any, shape: Any) -> tuple[Any, ...]:
    """The slices of a window, shifted to lie inside the array, as JAX does."""
    starts = [min(max(int(s), 0), n - size) for s, size, n in zip(starts, sizes, shape, strict=True)]
    return (*(slice(s, s + size) for s, size in zip(starts, sizes, strict=True)), ...)


def _dynamic_slice(eqn: Any) -> Evaluation:
    sizes = eqn.params["slice_sizes"]
    return lambda x, *starts: x[_window(starts, sizes, x.shape)]


def _dynamic_update_slice(eqn: Any) -> Evaluation:
    def step(x: Any, update: Any, *starts: Any) -> Any:
        x = x.copy()
        x[_window(starts, update.shape, x.shape)] = update
        return x

    return step


def _concatenate(eqn: Any) -> Evaluation:
    axis = eqn.params["dimension"]
    return lambda *xs: np.concatenate(xs, axis)


def _split(eqn: Any) -> Evaluation:
    cuts, axis = np.cumsum(eqn.params["sizes"])[:-1], eqn.params["axis"]
    return lambda x: np.split(x, cuts, axis)


def _stack(eqn: Any) -> Evaluation:
    axis = eqn.params["axis"]
    return lambda *xs: np.stack(xs, axis)


def _unstack(eqn: Any) -> Evaluation:
    axis = eqn.params["axis"]
    return lambda x: [np.moveaxis(x, axis, 0)[i, ...] for i in range(x.shape[axis])]


def _rev(eqn: Any) -> Evaluation:
    axes = eqn.params["dimensions"]
    return lambda x: np.flip(x, axes)


def _select_n(eqn: Any) -> Evaluation:
    def step(which: Any, *cases: Any) -> Any:
        out = cases[0]
        for k in range(1, len(cases)):
            out = np.where(which == k, cases[k], out)
        return out

    return step


# --------------------------------------------------------------------------------- by the numbers of the elements


def _by_number(eqn: Any) -> Evaluation:
    """Runs the primitive on the numbers of its operands' elements, and picks the balls by the numbers that come out."""
    data = [i for i, v in enumerate(eqn.invars) if is_float(v.aval)]
    sizes = [prod(eqn.invars[i].aval.shape) for i in data]
    offsets = np.cumsum([0, *sizes[:-1]])
    numbers = [np.arange(n).reshape(eqn.invars[i].aval.shape) + o for i, n, o in zip(data, sizes, offsets, strict=True)]
    params = dict(eqn.params)
    filler = boxed(NAN)
    if "fill_value" in params:  # for a gather out of bounds: number -1, which picks the last element of `pool`
        filler = boxed(NAN if params["fill_value"] is None else arb(float(params["fill_value"])))
        params["fill_value"] = -1
    maps: dict[Any, np.ndarray] = {}

    def step(*operands: Any) -> Any:
        key = tuple(x.tobytes() for i, x in enumerate(operands) if i not in data)
        if key not in maps:
            stand_ins = list(operands)
            for i, number in zip(data, numbers, strict=True):
                stand_ins[i] = number
            with x64():
                maps[key] = np.asarray(eqn.primitive.bind(*stand_ins, **params))
        pool = np.concatenate([*(operands[i].ravel() for i in data), filler.ravel()])
        return boxed(pool[maps[key]])

    return step


def scatter(combine: Callable[[arb, arb], arb]) -> StepRule:
    """`combine` joins each update with the element it lands on. JAX says where it lands."""

    def rule(eqn: Any) -> Evaluation:
        maps: dict[bytes, list[int]] = {}

        def step(operand: Any, indices: Any, updates: Any) -> Any:
            key = indices.tobytes()
            if key not in maps:
                maps[key] = _destinations(eqn, indices).ravel().tolist()
            out = operand.ravel().copy()
            for update, place in zip(updates.ravel(), maps[key], strict=True):
                if place >= 0:
                    out[place] = combine(out[place], update)
            return out.reshape(operand.shape)

        return step

    return rule


def _overwrite(eqn: Any) -> Evaluation:
    """`x.at[i].set(y)`. JAX may keep either of two updates to the same element, so they have to be equal."""
    inner = eqn.params["update_jaxpr"]
    if inner is not None and (inner.eqns or inner.outvars[0] is not inner.invars[1]):
        return unknown("a scatter with a custom update function")

    def step(operand: Any, indices: Any, updates: Any) -> Any:
        written: dict[int, arb] = {}
        for update, place in zip(updates.ravel(), _destinations(eqn, indices).ravel().tolist(), strict=True):
            if place >= 0 and not equal(written.setdefault(place, update), update):
                raise CannotEvaluate("different values are written to one element; JAX does not say which one stays")
        out = operand.ravel().copy()
        for place, update in written.items():
            out[place] = update
        return out.reshape(operand.shape)

    return step


def _destinations(eqn: Any, indices: Any) -> np.ndarray:
    """For each update, the number of the element it lands on, or -1 where it is dropped: scatter-add's transpose."""
    operand, _, updates = (v.aval for v in eqn.invars)
    how = {k: eqn.params[k] for k in ("dimension_numbers", "indices_are_sorted", "unique_indices", "mode")}
    with x64():
        zeros = jnp.zeros(operand.shape)
        place = jax.linear_transpose(
            lambda u: lax.scatter_add(zeros, jnp.asarray(indices), u, **how),
            jax.ShapeDtypeStruct(updates.shape, np.float64),
        )
        (numbers,) = place(jnp.arange(1.0, zeros.size + 1).reshape(zeros.shape))
        return np.asarray(numbers).astype(int) - 1


ANY_DTYPE: dict[str, StepRule] = {
    **dict.fromkeys(("copy", "copy_p", "name", "stop_gradient", "optimization_barrier", "device_put"), _identity),
    **dict.fromkeys(("sharding_constraint", "pvary", "pcast", "layout_constraint"), _identity),
    "reshape": _reshape,
    "squeeze": _to_shape,
    "expand_dims": _to_shape,
    "transpose": _transpose,
    "broadcast_in_dim": _broadcast_in_dim,
    "slice": _slice,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "concatenate": _concatenate,
    "split": _split,
    "stack": _stack,
    "unstack": _unstack,
    "rev": _rev,
    "select_n": _select_n,
}
"""Rules that also hold for integers and bools."""

RULES: dict[str, StepRule] = {
    **ANY_DTYPE,
    **dict.fromkeys(("gather", "pad", "tile"), _by_number),
    "scatter": _overwrite,
}
