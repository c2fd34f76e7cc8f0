"""Reverse-mode autodiff of a JAX function, in float64."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import CannotEvaluate
from lstm_ref.oracles.estimate import Estimate, Function, is_traceable


def reverse(function: Function, inputs: Any, cotangent: Any) -> Estimate:
    """`jax.vjp` of the function at the inputs. Raises CannotEvaluate where JAX cannot trace the function."""
    if not is_traceable(function, inputs):
        raise CannotEvaluate("JAX cannot trace the function (it is NumPy code)")
    with x64():
        gradients = _jitted(function, jax.tree.map(jnp.asarray, inputs), jax.tree.map(jnp.asarray, cotangent))
    return Estimate(jax.tree.map(np.asarray, gradients))


@partial(jax.jit, static_argnums=0)
def _jitted(function: Function, inputs: Any, cotangent: Any) -> Any:
    """Compiled once for a function, however often it is asked."""
    return pullback(function, inputs, cotangent)


def pullback(function: Function, inputs: Any, cotangent: Any) -> Any:
    """The gradient of Σ cotangent · function, as JAX code: jit it, differentiate it, or run it in balls."""
    outputs, vjp = jax.vjp(function, inputs)
    bars = [jnp.asarray(bar, out.dtype) for bar, out in zip(*map(jax.tree.leaves, (cotangent, outputs)), strict=True)]
    return vjp(jax.tree.unflatten(jax.tree.structure(outputs), bars))[0]
