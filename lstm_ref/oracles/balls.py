"""Differences in ball arithmetic: rounding need not be traded against truncation, so 80 digits come out right.

For D digits, the step is h = 10^-(D + 20), so the truncation error h φ''/2 is of order 10^-(D + 20). Dividing the
difference by h loses D + 20 of the digits in which values are computed, so they are computed with D + 20 more; ten
further digits leave something of the second differences, which measure the truncation. This takes one evaluation per
element, with twice the digits, which are cheap. It uses values only, no derivative rule. For an element larger than 1
the step grows with the element, so that the change keeps as many digits at 1e110 as at 1.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from typing import Any

import jax
import numpy as np
from flint import acb, arb

from lstm_ref.arithmetic.balls import Balls, as_balls, objects, precision, ties
from lstm_ref.arithmetic.jaxpr import trace
from lstm_ref.arithmetic.movement import boxed
from lstm_ref.arithmetic.primitives import reals
from lstm_ref.errors import CannotEvaluate
from lstm_ref.graph.lift import lift
from lstm_ref.leaves import Function
from lstm_ref.oracles.estimate import Estimate, inner

ROOM = 10
"""Decimal digits by which an element's second derivative may exceed the one along a random direction of its array."""
GUARD_DIGITS = 10
BATCH = 64
"""Largest number of points at which JAX code is evaluated at once: more need memory and save no time."""


def comparison_precision(digits: int) -> AbstractContextManager[None]:
    """The precision for comparing a claim with this oracle's `digits`: half as many again, for cancellation in the
    claim."""
    return precision(3 * digits // 2 + GUARD_DIGITS)


def balls(function: Function, inputs: Any, cotangent: Any, digits: int = 80) -> Estimate:
    """Differences in ball arithmetic, element by element.

    Args:
        function: A function of pytrees: JAX code, or NumPy code that a graph or balls can follow.
        inputs: A pytree of arrays, the point.
        cotangent: A pytree like the outputs: the weight of each element in Σ cotangent · output.
        digits: Decimal digits that the result must have.

    Returns:
        The gradient; the error of each element, which is the radius of its ball (rigorous) plus the possible
        truncation error (`_move_elements`); and whether the function may have a kink at the inputs.

    Raises:
        CannotEvaluate: The function cannot be evaluated in balls; the message gives the reason.

    Example:
        >>> import numpy as np
        >>> found = balls(lambda x: (x ** 3).sum(), np.array([1.0, 2.0]), np.array(1.0))
        >>> bool(abs(found.gradients[1] - 12) < 1e-80)
        True
    """
    evaluate = lift(function, inputs)
    with precision(2 * (digits + ROOM + GUARD_DIGITS) + GUARD_DIGITS):
        leaves, tree = jax.tree.flatten(jax.tree.map(reals, inputs))
        bars = jax.tree.map(as_balls, cotangent)

        def phi(point: list[np.ndarray]) -> arb:
            balls = jax.tree.unflatten(tree, [as_balls(v) for v in point])
            return _finite(as_balls(inner(evaluate(balls), bars)))[0]

        before = ties()
        here = phi(leaves)
        at_kink = ties() > before
        h = arb(10) ** -(digits + ROOM + GUARD_DIGITS)
        steps = [_steps(leaf, h) for leaf in leaves]
        points = [
            [*leaves[:n], v, *leaves[n + 1 :]]
            for n, (leaf, step) in enumerate(zip(leaves, steps, strict=True))
            for v in _move_elements(leaf, step)
        ]
        try:
            values = _batches(getattr(evaluate, "jax_code", function), tree, cotangent, points)
        # NumPy code, or a comparison undecided only in a branch that no single point takes
        except (Exception, SystemExit):
            values = [phi(point) for point in points]
        changes = iter([v - here for v in values])
        gradients, error = [], []
        for leaf, step in zip(leaves, steps, strict=True):
            each = step.ravel().tolist()
            slopes = [next(changes) / s for s in each]
            change = (next(changes) * 2 - next(changes)).abs_upper() / 2 if each else arb(0)
            doubts = [change / s * arb(10) ** ROOM for s in each]
            gradients.append(_array([s.mid() for s in slopes], leaf.shape))
            error.append(_array([s.rad() + d for s, d in zip(slopes, doubts, strict=True)], leaf.shape))
    return Estimate(jax.tree.unflatten(tree, gradients), jax.tree.unflatten(tree, error), at_kink)


def _steps(leaf: np.ndarray, h: arb) -> np.ndarray:
    """The step of each element: h, or for elements beyond 1, h times the largest power of two below the element."""
    size = np.frompyfunc(lambda v: h * arb(2) ** max(0, _exponent(v)), 1, 1)
    return boxed(size(leaf))


def _exponent(v: arb) -> int:
    return math.frexp(float(v.mid()))[1]


def _move_elements(leaf: np.ndarray, steps: np.ndarray) -> list[np.ndarray]:
    """The array with one element after the other moved by its step; then moved as a whole along a random direction, by
    one step and by two. From one step to two, the truncation h φ''/2 doubles relative to the step. So twice the
    first change minus the second is twice the truncation error of the change; an element is allowed ROOM digits
    more."""
    if not leaf.size:
        return []
    found = []
    for index in np.ndindex(leaf.shape):
        found.append(leaf.copy())
        found[-1][index] = leaf[index] + steps[index]
    rng = np.random.default_rng(0)  # all steps differ: with ±1, second derivatives of opposite signs would cancel
    direction = steps * reals(rng.choice([-1.0, 1.0], leaf.shape) * rng.uniform(0.5, 1, leaf.shape))
    return [*found, boxed(leaf + direction), boxed(leaf + 2 * direction)]


def _batches(function: Function, tree: Any, cotangent: Any, points: list[list[np.ndarray]]) -> list[arb]:
    """φ at many points, in batches: for JAX code in balls, calls cost more than numbers."""
    size = math.ceil(len(points) / math.ceil(len(points) / BATCH)) if points else 1
    phi = jax.vmap(lambda x, bars: inner(function(x), bars), (0, None))
    bars = [reals(v) for v in jax.tree.leaves(cotangent)]
    plan, values = None, []
    for start in range(0, len(points), size):
        batch = points[start : start + size]
        batch += batch[-1:] * (size - len(batch))
        stacked = [np.stack(leaf) for leaf in zip(*batch, strict=True)]
        plan = plan or trace(phi, jax.tree.unflatten(tree, stacked), cotangent).prepared
        values += _finite(*plan(*stacked, *bars))
    return values[: len(points)]


def _finite(values: np.ndarray) -> list[arb]:
    """The values as a list. Raises CannotEvaluate if one is not finite."""
    found = [v.real for v in values.ravel().tolist()]
    if not all(v.is_finite() for v in found):
        raise CannotEvaluate("the function's value is not finite here")
    return found


def _array(values: list[arb], shape: tuple[int, ...]) -> Balls:
    out = np.empty(len(values), dtype=object)
    out[:] = [acb(v) for v in values]
    return objects(out.reshape(shape))
