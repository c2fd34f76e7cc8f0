"""Differences in ball arithmetic: no rounding to trade against truncation, so 80 digits come out right.

At D digits asked, the step is h = 10^-(D + 20): truncation, h φ''/2, is of order 10^-(D + 20), and the difference over
h costs the D + 20 digits that values are computed with beyond D + 20. One evaluation an element, for twice the digits,
which are cheap. Only values are used, no derivative rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from flint import acb, arb

from lstm_ref.arithmetic.balls import Balls, as_balls, objects, precision, ties
from lstm_ref.arithmetic.jaxpr import trace
from lstm_ref.arithmetic.lift import lift
from lstm_ref.arithmetic.movement import boxed
from lstm_ref.arithmetic.primitives import reals
from lstm_ref.errors import CannotEvaluate
from lstm_ref.oracles.estimate import Estimate, Function, inner

ROOM = 10
"""Digits by which an element's second derivative may outweigh the one along a random direction of its array."""
GUARD_DIGITS = 10
BATCH = 64
"""Points at which JAX code is evaluated at once, at most: more need memory, and gain nothing."""


def balls(function: Function, inputs: Any, cotangent: Any, digits: int = 80) -> Estimate:
    """Differences element by element, each with its error; and whether the function may have a kink just here.

    An element's error is its ball's radius, which is rigorous, and what truncation may cost (`_truncation`).
    Raises CannotEvaluate, saying why, where the function cannot be evaluated in balls.
    """
    evaluate = lift(function, inputs)
    with precision(2 * (digits + ROOM + GUARD_DIGITS)):
        leaves, tree = jax.tree.flatten(jax.tree.map(reals, inputs))
        bars = jax.tree.map(as_balls, cotangent)

        def phi(point: list[np.ndarray]) -> arb:
            balls = jax.tree.unflatten(tree, [as_balls(v) for v in point])
            return _finite(as_balls(inner(evaluate(balls), bars)))[0]

        before = ties()
        here = phi(leaves)
        at_kink = ties() > before
        h = arb(10) ** -(digits + ROOM + GUARD_DIGITS)
        points = [[*leaves[:n], v, *leaves[n + 1 :]] for n, leaf in enumerate(leaves) for v in _moved(leaf, h)]
        try:
            values = _batches(lambda x: inner(function(x), cotangent), tree, points)
        except (Exception, SystemExit):  # NumPy code; or what is undecided in a branch that no single point takes
            values = [phi(point) for point in points]
        changes = iter([v - here for v in values])
        gradients, error = [], []
        for leaf in leaves:
            slopes = [next(changes) / h for _ in range(leaf.size)]
            doubt = _truncation(next(changes) / h, next(changes) / (2 * h)) if slopes else arb(0)
            gradients.append(_array([s.mid() for s in slopes], leaf.shape))
            error.append(_array([s.rad() + doubt for s in slopes], leaf.shape))
    return Estimate(jax.tree.unflatten(tree, gradients), jax.tree.unflatten(tree, error), at_kink)


def _moved(leaf: np.ndarray, h: arb) -> list[np.ndarray]:
    """The array with one element after the other moved by h; then all of it along a random direction, by h and 2h."""
    if not leaf.size:
        return []
    found = []
    for index in np.ndindex(leaf.shape):
        found.append(leaf.copy())
        found[-1][index] = leaf[index] + h
    rng = np.random.default_rng(0)  # no two steps alike: in ±1 second derivatives of opposite signs would cancel
    direction = reals(rng.choice([-1.0, 1.0], leaf.shape) * rng.uniform(0.5, 1, leaf.shape))
    return [*found, boxed(leaf + h * direction), boxed(leaf + 2 * h * direction)]


def _truncation(near: arb, far: arb) -> arb:
    """What truncation may cost an element: h φ''/2 along a random direction, and ROOM digits more.

    From step h to 2h it doubles, so the change of the slope is the truncation at h.
    """
    return arb(abs(far - near).mid()) * arb(10) ** ROOM


def _batches(phi: Callable[[Any], Any], tree: Any, points: list[list[np.ndarray]]) -> list[arb]:
    """φ at many points, in batches: of JAX code in balls the calls cost more than the numbers."""
    size = math.ceil(len(points) / math.ceil(len(points) / BATCH)) if points else 1
    plan, values = None, []
    for start in range(0, len(points), size):
        batch = points[start : start + size]
        batch += batch[-1:] * (size - len(batch))
        stacked = [np.stack(leaf) for leaf in zip(*batch, strict=True)]
        plan = plan or trace(jax.vmap(phi), jax.tree.unflatten(tree, stacked)).plan
        values += _finite(*plan(*stacked))
    return values[: len(points)]


def _finite(values: np.ndarray) -> list[arb]:
    """One by one. Raises CannotEvaluate."""
    found = [v.real for v in values.ravel().tolist()]
    if not all(v.is_finite() for v in found):
        raise CannotEvaluate("the function's value is not finite here")
    return found


def _array(values: list[arb], shape: tuple[int, ...]) -> Balls:
    out = np.empty(len(values), dtype=object)
    out[:] = [acb(v) for v in values]
    return objects(out.reshape(shape))
