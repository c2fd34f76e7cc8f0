"""The reverse sweep of a traced function as an oracle: every element of the gradient, for NumPy code and JAX code.

Its error is measured by Monte Carlo arithmetic: forward and sweep run again, with every result moved at random by as
much as rounding may move it. Source: Parker, "Monte Carlo arithmetic: exploiting randomness in floating-point
arithmetic", UCLA technical report CSD-970002, 1997.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from lstm_ref.arithmetic.jaxpr import Numbers
from lstm_ref.arithmetic.movement import Evaluation
from lstm_ref.arithmetic.uncompiled import FLOATS
from lstm_ref.graph.rounding import EXACT, ULPS
from lstm_ref.graph.sweep import sweep
from lstm_ref.graph.trace import Graph, graph_at
from lstm_ref.leaves import Function
from lstm_ref.oracles.estimate import Estimate

REPEATS = 4
FACTOR = 2.0
"""The error estimate is this multiple of the largest change in a few repeats; the true error rarely exceeds twice that
change."""
UNIT = 2.0**-52


def trace_oracle(function: Function, inputs: Any, cotangent: Any) -> Estimate:
    """The gradient by one reverse sweep of the function's graph.

    Args:
        function: A function of pytrees: JAX code, or NumPy code.
        inputs: A pytree of arrays, the point.
        cotangent: A pytree like the outputs: the weight of each element in Σ cotangent · output.

    Returns:
        The gradient, the measured error of each element, and whether a maximum, minimum or absolute value is evaluated
        at its kink.

    Raises:
        CannotEvaluate: The function cannot be traced.

    Example:
        >>> import numpy as np
        >>> found = trace_oracle(lambda x: (x ** 3).sum(), np.array([1.0, 2.0]), np.array(1.0))
        >>> found.gradients.tolist()
        [3.0, 12.0]
    """
    return estimate_of(graph_at(function, inputs), cotangent)


def estimate_of(graph: Graph, cotangent: Any) -> Estimate:
    """The gradients of a graph, the rounding error of each element, and whether a tie of max, min or abs occurs."""
    found = sweep(graph, cotangent).gradients
    changes = [np.abs(g) * UNIT for g in jax.tree.leaves(found)]
    rng = np.random.default_rng(0)
    for _ in range(REPEATS):
        other = sweep(_add_noise(graph, rng), cotangent, noise=lambda v: moved(v, ULPS * UNIT, rng)).gradients
        pairs = zip(changes, jax.tree.leaves(found), jax.tree.leaves(other), strict=True)
        changes = [np.maximum(c, np.abs(a - b)) for c, a, b in pairs]
    error = jax.tree.unflatten(jax.tree.structure(found), [FACTOR * c for c in changes])
    return Estimate(found, error, has_tie(graph))


def moved(v: Any, by: float, rng: Any) -> Any:
    """The array with each element moved at random by at most the relative amount `by`."""
    return v * (1 + by * rng.uniform(-1, 1, np.shape(v)))


def _add_noise(graph: Graph, rng: Any) -> Graph:
    """The graph with each rounded result moved at random by up to its rounding error."""

    def step_for(eqn: Any) -> Evaluation:
        step = FLOATS.step_for(eqn)
        if eqn.primitive.name in EXACT or eqn.primitive.multiple_results:
            return step
        rounds = eqn.outvars[0].aval.dtype == np.float64
        return (lambda *xs: np.asarray(moved(step(*xs), ULPS * UNIT, rng))) if rounds else step

    return graph.at([graph.values[i] for i in graph.inputs], Numbers(FLOATS.constant, step_for))


def has_tie(graph: Graph) -> bool:
    """Whether a maximum, minimum or absolute value is evaluated at its kink."""
    for e in graph.equations:
        xs = [graph.values[i] for i in e.operands]
        if not any(graph.is_active[i] for i in e.operands):
            continue
        if e.primitive in ("max", "min") and np.any(np.equal(*xs)):
            return True
        if e.primitive == "abs" and np.any(xs[0] == 0):
            return True
        if e.primitive in ("reduce_max", "reduce_min"):
            axes = tuple(e.params["axes"])
            best = np.expand_dims(graph.values[e.results[0]], axes)
            if np.any(np.sum(xs[0] == best, axis=axes) > 1):
                return True
    return False
