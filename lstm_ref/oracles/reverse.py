"""Reverse-mode autodiff of a JAX function, in float64."""

from __future__ import annotations

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
        gradients = jax.jit(lambda x: pullback(function, x, cotangent))(jax.tree.map(jnp.asarray, inputs))
    return Estimate(jax.tree.map(np.asarray, gradients))


def pullback(function: Function, inputs: Any, cotangent: Any) -> Any:
    """The gradient of Σ cotangent · function, as JAX code: jit it, differentiate it, or run it in balls."""
    outputs, vjp = jax.vjp(function, inputs)
    bars = [jnp.asarray(bar, out.dtype) for bar, out in zip(*map(jax.tree.leaves, (cotangent, outputs)), strict=True)]
    return vjp(jax.tree.unflatten(jax.tree.structure(outputs), bars))[0]
