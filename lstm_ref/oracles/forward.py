"""Forward-mode autodiff of a JAX function, in float64: one tangent per input element, all at once."""

from __future__ import annotations

from typing import Any

import jax

from lstm_ref.arithmetic.traceable import is_traceable
from lstm_ref.arithmetic.uncompiled import uncompiled
from lstm_ref.errors import CannotEvaluate
from lstm_ref.leaves import Function
from lstm_ref.oracles.estimate import Estimate, differentiated_by_jax, inner


def forward(function: Function, inputs: Any, cotangent: Any) -> Estimate:
    """`jax.jvp` along every axis, in float64.

    Args:
        function: A function of pytrees that JAX can trace.
        inputs: A pytree of arrays, the point.
        cotangent: A pytree like the outputs: the weight of each element in Σ cotangent · output.

    Returns:
        The gradient.

    Raises:
        CannotEvaluate: JAX cannot trace the function, or has no forward mode for it (a custom VJP).

    Example:
        >>> import numpy as np
        >>> found = forward(lambda x: (x ** 3).sum(), np.array([1.0, 2.0]), np.array(1.0))
        >>> found.gradients.tolist()
        [3.0, 12.0]
    """
    if not is_traceable(function, inputs):
        raise CannotEvaluate("the function is not JAX code")
    phi = lambda x: inner(function(x), cotangent)  # noqa: E731
    with differentiated_by_jax("forward"):
        gradient = uncompiled(jax.jacfwd(phi), inputs)
    return Estimate(gradient(inputs))
