"""Central differences in ball arithmetic: no rounding to trade against truncation, so 80 digits come out right.

At D digits asked, values are computed with 1.5 D digits and the step is h = 10^(-D/2): truncation is of order
h² = 10^-D, and the difference over 2h costs the D/2 digits that were added. Only values are used, no derivative rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from flint import arb

from lstm_ref.arithmetic.balls import Balls, as_balls, ball, objects, precision
from lstm_ref.arithmetic.lift import lift
from lstm_ref.errors import CannotEvaluate
from lstm_ref.oracles.estimate import Estimate, Function, inner

GUARD_DIGITS = 10


def balls(function: Function, inputs: Any, cotangent: Any, digits: int = 80) -> Estimate:
    """Differences element by element, each with its error, and both one-sided derivatives (equal but at a kink).

    Raises CannotEvaluate, saying why, where the function cannot be evaluated in balls.
    """
    evaluate = lift(function, inputs)
    with precision(3 * digits // 2 + GUARD_DIGITS):
        cotangent = jax.tree.map(as_balls, cotangent)
        leaves, tree = jax.tree.flatten(jax.tree.map(lambda v: as_balls(v).copy(), inputs))

        def phi() -> arb:
            value = ball(as_balls(inner(evaluate(jax.tree.unflatten(tree, leaves)), cotangent))[()]).real
            if not value.is_finite():
                raise CannotEvaluate("the function's value is not finite here")
            return value

        h = arb(10) ** -(digits // 2)
        centre = phi()
        found = [[_derivative(phi, leaf, index, h, centre) for index in np.ndindex(leaf.shape)] for leaf in leaves]
    shaped = [_columns(rows, leaf.shape) for rows, leaf in zip(found, leaves, strict=True)]
    gradients, error, low, high = (jax.tree.unflatten(tree, list(column)) for column in zip(*shaped, strict=True))
    return Estimate(gradients, error, (low, high))


def _derivative(phi: Callable[[], arb], leaf: Balls, index: tuple[int, ...], h: arb, centre: arb) -> tuple[Any, ...]:
    """(derivative, error, smaller and larger one-sided derivative) along one element of `leaf`, which is restored."""
    x = leaf[index]

    def value_at(step: arb) -> arb:
        leaf[index] = x + step
        return phi()

    try:
        right, left, right2, left2 = (value_at(k * h) for k in (1, -1, 2, -2))
    finally:
        leaf[index] = x
    derivative = (right - left) / (2 * h)
    # Truncation is h² φ'''/6; from step h to 2h it grows to four times that, so the change is three times the error.
    error = abs((right2 - left2) / (4 * h) - derivative).abs_upper() + derivative.rad()
    right_slope, left_slope = (right - centre) / h, (centre - left) / h
    # Smooth: the slopes differ by h |φ''|; at a kink by O(1). The threshold lies halfway, at √h.
    kink = abs(right_slope - left_slope) > h.sqrt() * (1 + abs(right_slope) + abs(left_slope))
    if not kink:
        return ball(derivative.mid()), ball(error), ball(derivative.mid()), ball(derivative.mid())
    low, high = sorted((right_slope.mid(), left_slope.mid()))
    return ball(derivative.mid()), ball(right_slope.rad() + left_slope.rad() + h.sqrt()), ball(low), ball(high)


def _columns(rows: list[tuple[Any, ...]], shape: tuple[int, ...]) -> tuple[Balls, ...]:
    """The tuples' fields, each as one array of the given shape."""
    table = np.empty((len(rows), 4), dtype=object)
    table[:] = rows if rows else table
    return tuple(objects(table[:, k].reshape(shape)) for k in range(4))
