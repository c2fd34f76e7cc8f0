"""Differences in ball arithmetic: no rounding to trade against truncation, so 80 digits come out right.

At D digits asked, the step is h = 10^-(D + 20): truncation, h φ''/2, is of order 10^-(D + 20), and the difference over
h costs the D + 20 digits that values are computed with beyond D + 20. One evaluation an element, for twice the digits,
which are cheap. Only values are used, no derivative rule.
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

ROOM = 10
"""Digits by which an element's second derivative may outweigh the one along a random direction of its array."""
GUARD_DIGITS = 10


def balls(function: Function, inputs: Any, cotangent: Any, digits: int = 80) -> Estimate:
    """Differences element by element, each with its error; and whether the function may have a kink just here.

    An element's error is its ball's radius, which is rigorous, and what truncation may cost (`_truncation`).
    Raises CannotEvaluate, saying why, where the function cannot be evaluated in balls.
    """
    evaluate = lift(function, inputs)
    with precision(2 * (digits + ROOM + GUARD_DIGITS)):
        cotangent = jax.tree.map(as_balls, cotangent)
        leaves, tree = jax.tree.flatten(jax.tree.map(lambda v: as_balls(v).copy(), inputs))

        def phi() -> arb:
            value = ball(as_balls(inner(evaluate(jax.tree.unflatten(tree, leaves)), cotangent))[()]).real
            if not value.is_finite():
                raise CannotEvaluate("the function's value is not finite here")
            return value

        before = ties()
        here = phi()
        at_kink = ties() > before
        h = arb(10) ** -(digits + ROOM + GUARD_DIGITS)

        def slope(leaf: Balls, at: Any, step: arb, direction: Any = 1) -> arb:
            """Along `direction` of what `at` picks of `leaf`, which is restored."""
            whole = leaf.copy()
            try:
                leaf[at] = whole[at] + direction * step
                return (phi() - here) / step
            finally:
                leaf[...] = whole

        gradients, error = [], []
        for leaf in leaves:
            slopes = [slope(leaf, index, h) for index in np.ndindex(leaf.shape)]
            doubt = _truncation(slope, leaf, h) if slopes else arb(0)
            gradients.append(_array([s.mid() for s in slopes], leaf.shape))
            error.append(_array([s.rad() + doubt for s in slopes], leaf.shape))
    return Estimate(jax.tree.unflatten(tree, gradients), jax.tree.unflatten(tree, error), at_kink)


def _truncation(slope: Callable[..., arb], leaf: Balls, h: arb) -> arb:
    """What truncation may cost an element of `leaf`: h φ''/2 along a random direction, and ROOM digits more.

    From step h to 2h it doubles, so the change is the truncation at h.
    """
    rng = np.random.default_rng(0)  # no two steps alike: in ±1 second derivatives of opposite signs would cancel
    direction = as_balls(rng.choice([-1.0, 1.0], leaf.shape) * rng.uniform(0.5, 1, leaf.shape))
    near, far = (slope(leaf, ..., k * h, direction) for k in (1, 2))
    return arb(abs(far - near).mid()) * arb(10) ** ROOM


def _array(values: list[arb], shape: tuple[int, ...]) -> Balls:
    out = np.empty(len(values), dtype=object)
    out[:] = [acb(v) for v in values]
    return objects(out.reshape(shape))
