"""Whether JAX can trace a function: asked once of a function and arguments of some shapes, then remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.arithmetic.memory import Memory, kinds_of, remembered
from lstm_ref.arithmetic.uncompiled import uncompiled
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import is_readable


class Untraceable(NamedTuple):
    """The reason why JAX cannot trace a function, without the exception, which would keep the user's objects alive."""

    is_type_error: bool
    text: str


def is_traceable(function: Callable[..., Any], *arguments: Any) -> bool:
    """Whether JAX can trace the function at arguments of these dtypes. It can also trace code that uses only
    operators."""
    return why_untraceable(function, *arguments) is None


def why_untraceable(function: Callable[..., Any], *arguments: Any) -> Untraceable | None:
    """The reason why JAX cannot trace the function; None if it can. Remembered for a function and shapes."""
    if hasattr(function, "torch"):
        return Untraceable(False, "torch computes it")  # known without the tenth of a second that its failing takes
    return remembered(_traced, function, kinds_of(arguments), lambda: _why_untraceable(function, arguments))


def _why_untraceable(function: Callable[..., Any], arguments: Any) -> Untraceable | None:
    try:
        with x64():
            jax.jit(function).eval_shape(*jax.tree.map(_abstract, arguments))  # JAX remembers this trace
    except (Exception, SystemExit) as error:
        return Untraceable(isinstance(error, TypeError), str(error) if is_readable(error) else "")
    return Untraceable(False, WRITES) if _differs_on_arrays(function, arguments) else None


WRITES = "it writes into a view of an array (`b = a[1:]; b *= 2`), where JAX would make a new array"
MOST = 20_000
"""Elements above which operators are not tried on Python's floats."""
SAME = 1e-6
"""Relative to the largest element, a difference that two orders of summation do not make."""


def _differs_on_arrays(function: Callable[..., Any], arguments: Any) -> bool:
    """Whether code of operators alone gives other values on NumPy's arrays than on JAX's.

    JAX's arrays are immutable: `b *= 2` makes a new b, and leaves the array alone of which NumPy's b is a view. Code
    with functions of JAX is told by Python's floats in arrays, which those functions refuse at once.
    """
    rng = np.random.default_rng(0)
    leaves, tree = jax.tree.flatten(arguments)
    if sum(int(np.size(v)) for v in leaves) > MOST:
        return False
    some = [rng.standard_normal(np.shape(v)) if _is_float(v) else v for v in leaves]
    whole = lambda values: jax.tree.unflatten(tree, values)  # noqa: E731
    try:
        found = function(*whole([v.astype(object) if _is_float(v) else v for v in some]))
        if not all(isinstance(v, (np.ndarray, float)) for v in jax.tree.leaves(found)):
            return False
        given = whole(some)
        jaxs = uncompiled(function, *given)(*given)  # compiling takes a second for what runs once
        pairs = zip(jax.tree.leaves(found), jax.tree.leaves(jaxs), strict=True)
        return any(_differ(np.asarray(a, np.float64), np.asarray(b, np.float64)) for a, b in pairs)
    except (Exception, SystemExit):
        return False


def _differ(a: np.ndarray, b: np.ndarray) -> bool:
    size = float(np.max(np.abs(a), initial=0.0, where=np.isfinite(a)))
    return a.shape != b.shape or bool(np.any(np.abs(a - b) > SAME * size))


def _is_float(v: Any) -> bool:
    return hasattr(v, "dtype") and jnp.issubdtype(v.dtype, jnp.floating)


_traced: Memory = WeakKeyDictionary()


def _abstract(v: Any) -> Any:
    return jax.ShapeDtypeStruct(np.shape(v), jnp.result_type(v)) if isinstance(v, (np.ndarray, jax.Array)) else v
