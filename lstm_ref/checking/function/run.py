"""Runs the user's function: JAX code jitted in float64, NumPy code unchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.arithmetic.balls import as_balls, bits_of_precision
from lstm_ref.arithmetic.memory import Memory, kinds_of, remembered
from lstm_ref.arithmetic.traceable import is_traceable
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.oracles.estimate import MANY_LEAVES

TOO_MANY_TO_TRY = 20_000
"""Number of elements: object arrays take microseconds per element and evaluation."""
FEW_ELEMENTS = 10
"""Elements of one array, so few that object arrays are tried however many such arrays there are."""


def is_jax(function: Callable[..., Any], *arguments: Any) -> bool:
    """Whether the function is JAX code: JAX can trace it, and it does not run on NumPy's object arrays, which JAX
    rejects. Functions of low precision, or too large to try, count as JAX code. The answer is remembered for a
    function and its arguments."""
    if not is_traceable(function, *arguments):
        return False
    leaves = [np.asarray(v) for v in jax.tree.leaves(arguments)]
    if any(v.dtype.itemsize < np.float32().itemsize for v in leaves) or is_too_much_to_try(leaves):
        return True
    key = kinds_of(arguments), b"".join(v.tobytes() for v in leaves)
    return bool(remembered(_refusing, function, key, lambda: _refuses_objects(function, arguments)))


def is_too_much_to_try(leaves: list[np.ndarray]) -> bool:
    """Whether the elements are too many for balls. With many small arrays, tracing by JAX would take even longer, so
    they are tried."""
    size = sum(v.size for v in leaves)
    return size > TOO_MANY_TO_TRY and size > FEW_ELEMENTS * len(leaves)


_refusing: Memory = WeakKeyDictionary()


def _refuses_objects(function: Callable[..., Any], arguments: Any) -> bool:
    try:
        with bits_of_precision(53):
            given = function(*jax.tree.map(lambda v: as_balls(v).copy(), arguments))
    except (Exception, SystemExit):
        return True
    return not all(isinstance(v, np.ndarray) for v in jax.tree.leaves(given))


def as_it_runs(function: Callable[..., Any], pure: bool) -> Callable[..., Any]:
    """The function as its author runs it: JAX code (`pure`) jitted with float64 switched on, NumPy code unchanged.

    Code that uses only operators counts as NumPy code and gets NumPy arrays: there `x += y` writes into its argument.
    Results are NumPy arrays.
    """
    if not pure:
        return lambda *given: jax.tree.map(np.asarray, function(*given))

    jitted = jax.jit(function)

    def call(*given: Any) -> Any:
        if len(jax.tree.leaves(given)) > MANY_LEAVES:
            return eagerly(function)(*given)
        with x64():
            return jax.tree.map(np.asarray, jitted(*given))

    return call


def eagerly(function: Callable[..., Any]) -> Callable[..., Any]:
    """JAX code run without `jax.jit`."""

    def call(*given: Any) -> Any:
        with x64():
            return jax.tree.map(np.asarray, function(*jax.tree.map(jnp.asarray, given)))

    return call
