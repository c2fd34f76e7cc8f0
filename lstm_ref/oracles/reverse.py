"""Reverse-mode autodiff of a JAX function, in float64."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.arithmetic.traceable import is_traceable
from lstm_ref.arithmetic.uncompiled import uncompiled
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import CannotEvaluate
from lstm_ref.leaves import Function
from lstm_ref.oracles.estimate import MANY_LEAVES, Estimate, differentiated_by_jax

LARGE = 10_000
"""Number of input elements above which compiling with XLA pays off by the second call."""


def reverse(function: Function, inputs: Any, cotangent: Any) -> Estimate:
    """`jax.vjp` of the function at the inputs, in float64.

    Args:
        function: A function of pytrees that JAX can trace.
        inputs: A pytree of arrays, the point.
        cotangent: A pytree like the outputs: the weight of each element in Σ cotangent · output.

    Returns:
        The gradient.

    Raises:
        CannotEvaluate: JAX cannot trace the function.

    Example:
        >>> import numpy as np
        >>> found = reverse(lambda x: (x ** 3).sum(), np.array([1.0, 2.0]), np.array(1.0))
        >>> found.gradients.tolist()
        [3.0, 12.0]
    """
    if not is_traceable(function, inputs):
        raise CannotEvaluate("the function is not JAX code")
    gradient = partial(_jitted_pullback, function)
    leaves = jax.tree.leaves((inputs, cotangent))
    if sum(map(np.size, leaves)) > LARGE and len(leaves) <= MANY_LEAVES:
        with x64():
            return Estimate(jax.tree.map(np.asarray, gradient(inputs, cotangent)))
    with differentiated_by_jax("reverse"):
        evaluate = uncompiled(gradient, inputs, cotangent)
    return Estimate(evaluate(inputs, cotangent))


@partial(jax.jit, static_argnums=0)
def _jitted_pullback(function: Function, inputs: Any, cotangent: Any) -> Any:
    """The pullback, traced once per function and, if large, compiled once."""
    return pullback(function, inputs, cotangent)


def pullback(function: Function, inputs: Any, cotangent: Any) -> Any:
    """The gradient of Σ cotangent · function as JAX code, which can be jitted, differentiated, or run in balls."""
    outputs, vjp = jax.vjp(function, inputs)
    bars = [jnp.asarray(bar, out.dtype) for bar, out in zip(*map(jax.tree.leaves, (cotangent, outputs)), strict=True)]
    return vjp(jax.tree.unflatten(jax.tree.structure(outputs), bars))[0]
