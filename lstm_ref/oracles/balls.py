"""Central differences in ball arithmetic: no rounding to trade against truncation, so 80 digits come out right.

At D digits asked, values are computed with 1.5 D digits and the step is h = 10^(-D/2): truncation is of order
h² = 10^-D, and the difference over 2h costs the D/2 digits that were added. Only values are used, no derivative rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from flint import acb, arb

from lstm_ref.arithmetic.balls import Balls, as_balls, ball, objects, precision, ties
from lstm_ref.arithmetic.lift import lift
from lstm_ref.errors import CannotEvaluate
from lstm_ref.oracles.estimate import Estimate, Function, inner

GUARD_DIGITS = 10


def balls(function: Function, inputs: Any, cotangent: Any, digits: int = 80) -> Estimate:
    """Differences element by element, each with its error; and whether the function may have a kink just here.

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
        before = ties()
        phi()
        at_kink = ties() > before
        found = [[_derivative(phi, leaf, index, h) for index in np.ndindex(leaf.shape)] for leaf in leaves]
    columns = [
        [_column([row[k] for row in rows], leaf.shape) for rows, leaf in zip(found, leaves, strict=True)]
        for k in range(2)
    ]
    gradients, error = (jax.tree.unflatten(tree, column) for column in columns)
    return Estimate(gradients, error, at_kink)


def _derivative(phi: Callable[[], arb], leaf: Balls, index: tuple[int, ...], h: arb) -> tuple[acb, acb]:
    """Derivative and its error along one element of `leaf`, which is restored."""
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
    return ball(derivative.mid()), ball(error)


def _column(values: list[acb], shape: tuple[int, ...]) -> Balls:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return objects(out.reshape(shape))
