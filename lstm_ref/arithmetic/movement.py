"""Rules for the JAX primitives that only move elements: the same balls, in other places.

NumPy moves them. Where indices are values (gather, scatter), `indexing` counts out which element goes where.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from flint import arb

from lstm_ref.arithmetic.balls import equal
from lstm_ref.arithmetic.indexing import NOWHERE, gathered, scattered
from lstm_ref.arithmetic.scalars import NAN
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


def _tile(eqn: Any) -> Evaluation:
    repeats = eqn.params["reps"]
    return lambda x: np.tile(x, repeats)


def _pad(eqn: Any) -> Evaluation:
    """Fills with a value around the elements and between them; where less than none is asked for, cuts off."""
    sizes, padding = eqn.invars[0].aval.shape, eqn.params["padding_config"]
    spread = [n + max(n - 1, 0) * gap for n, (_, _, gap) in zip(sizes, padding, strict=True)]
    around = [(max(low, 0), max(high, 0)) for low, high, _ in padding]
    shape = [low + n + high for n, (low, high) in zip(spread, around, strict=True)]
    gaps = [gap + 1 for _, _, gap in padding]
    where: Any = *(slice(low, low + n, k) for n, (low, _), k in zip(spread, around, gaps, strict=True)), ...
    cut: Any = *(slice(max(-low, 0), n - max(-high, 0)) for n, (low, high, _) in zip(shape, padding, strict=True)), ...

    def step(x: Any, value: Any) -> Any:
        out = np.full(shape, value, x.dtype)
        out[where] = x
        return out[cut]

    return step


# ------------------------------------------------------------------------------------------- indices that are values


def _gather(eqn: Any) -> Evaluation:
    fill_value = eqn.params["fill_value"]  # None where no window may be outside
    filler = 0 if fill_value is None else float(fill_value) if is_float(eqn.invars[0].aval) else fill_value
    maps: dict[bytes, np.ndarray] = {}

    def step(x: Any, indices: Any) -> Any:
        key = indices.tobytes()
        if key not in maps:
            maps[key] = gathered(eqn, indices)
        outside = boxed(NAN if np.isnan(filler) else arb(filler)) if x.dtype == object else np.asarray(filler, x.dtype)
        pool = np.concatenate([x.ravel(), outside.ravel()])  # NOWHERE picks the last
        return boxed(pool[maps[key]])

    return step


def scatter(combine: Callable[[arb, arb], arb]) -> StepRule:
    """`combine` joins each update with the element it lands on."""

    def rule(eqn: Any) -> Evaluation:
        maps: dict[bytes, list[int]] = {}

        def step(operand: Any, indices: Any, updates: Any) -> Any:
            key = indices.tobytes()
            if key not in maps:
                maps[key] = scattered(eqn, indices).ravel().tolist()
            out = operand.ravel().copy()
            for update, place in zip(updates.ravel(), maps[key], strict=True):
                if place != NOWHERE:
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
        for update, place in zip(updates.ravel(), scattered(eqn, indices).ravel().tolist(), strict=True):
            if place != NOWHERE and not equal(written.setdefault(place, update), update):
                raise CannotEvaluate("different values are written to one element; JAX does not say which one stays")
        out = operand.ravel().copy()
        for place, update in written.items():
            out[place] = update
        return out.reshape(operand.shape)

    return step


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
    "tile": _tile,
    "pad": _pad,
    "gather": _gather,
}
"""Rules that also hold for integers and bools."""

RULES: dict[str, StepRule] = {
    **ANY_DTYPE,
    "scatter": _overwrite,
}
