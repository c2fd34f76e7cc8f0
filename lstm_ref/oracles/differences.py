"""Central differences in float64, extrapolated to step zero, with an error estimate: it needs values only.

Source: Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", Advances in Engineering Software 4, 1982. Two things
are added, without which the estimate cannot be believed. Values are only as precise as they are measured to be
(`noise`): code with a float32 inside is a staircase, whose steps look like a slope of zero. And where the slopes to the
right and to the left stay apart as the step shrinks, a kink lies within it: the element is tried again at smaller
steps, and where it still is one, the error is at least the difference of the slopes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.oracles.estimate import Estimate, Function, Line
from lstm_ref.oracles.noise import noise

SHRINK = 2.0
LEVELS = 8
FIRST_STEPS = (0.05, 1e-4, 4e-7)
"""Of the first attempt, and of those for elements that it leaves in doubt: each begins below where the last ended."""
LONG_STEP, BLURRED = 0.4, 1e-3
"""Where the error is a larger part of the slope than that, a step eight times as long is tried: the noise of a float32
is then an eighth, and eight halvings of the step still reach far below the function's own bends."""
DOUBTFUL = 1e-7
"""An element with a larger error, relative to the largest, is tried again: smooth ordinary ones are at 1e-10."""
CLEAR = 20.0
"""Standard deviations of noise that a bend must exceed to be one."""


def differences(function: Function, inputs: Any, cotangent: Any) -> Estimate:
    """Ridders' extrapolation, element by element; the error is that of the tableau's best entry.

    Expected: about 1e-10 relative at five time steps, 2e-8 at thirty; of values with a float32 on the way, 1e-3 to
    1e-4. Inputs are taken as float64. An error is infinite where no value near the inputs is finite.
    """
    phi = Line(function, inputs, cotangent)
    spread = float(noise(phi.at, phi.x, phi.scales)) if phi.x.size else 0.0
    centre = float(np.real(phi.at(phi.x[None])[0]))
    # A sum of outputs is at least as uncertain as its last rounding.
    sigma = max(spread, float(np.finfo(np.float64).eps) * abs(centre))
    found = _at(phi, np.arange(phi.x.size), FIRST_STEPS[0], centre, sigma)
    for first in FIRST_STEPS[1:]:
        scale = float(np.max(np.abs(found.slope), initial=0.0, where=np.isfinite(found.error)))
        again = np.flatnonzero(
            (found.kink | (found.error > DOUBTFUL * scale)) & (sigma / (first * phi.scales) < found.error)
        )
        if again.size:
            found = _better(found, _at(phi, again, first, centre, sigma), again)
    # Of tiny inputs a longer step is taken where it gives the same: the function may not care how tiny they are.
    small = np.flatnonzero((phi.scales < 1) & ~found.kink)
    if small.size:
        found = _longer(found, _at(phi, small, FIRST_STEPS[0], centre, sigma, np.maximum(1.0, phi.scales)), small)
    # So it is where noise hides the slope: over a longer step the values differ by more of it.
    hidden = np.flatnonzero((found.error > BLURRED * np.abs(found.slope)) & ~found.kink)
    if hidden.size:
        found = _longer(found, _at(phi, hidden, LONG_STEP, centre, sigma), hidden)
    at_kink = bool(np.any(found.kink))
    return Estimate(phi.unravel(found.slope), jax.tree.map(np.asarray, phi.unravel(found.error)), at_kink)


class Slopes(NamedTuple):
    """Of some elements."""

    slope: np.ndarray
    error: np.ndarray
    kink: np.ndarray
    """The slopes to either side do not meet at the smallest step."""


def _better(found: Slopes, new: Slopes, which: np.ndarray) -> Slopes:
    """At smaller steps a kink may be left behind; else the smaller error is believed."""
    take = (new.error < found.error[which]) | (found.kink[which] & ~new.kink & np.isfinite(new.error))
    return _replaced(found, new, which, take)


def _longer(found: Slopes, wide: Slopes, which: np.ndarray) -> Slopes:
    """At longer steps, where they give the same and see more of it."""
    same = np.abs(wide.slope - found.slope[which]) <= found.error[which]
    return _replaced(found, wide, which, same & (wide.error < found.error[which]) & ~wide.kink)


def _replaced(found: Slopes, new: Slopes, which: np.ndarray, take: np.ndarray) -> Slopes:
    every = [old.copy() for old in found]
    for old, value in zip(every, new, strict=True):
        old[which[take]] = value[take]
    return Slopes(*every)


def _at(
    phi: Line, which: np.ndarray, first: float, centre: float, sigma: float, scales: np.ndarray | None = None
) -> Slopes:
    """The slopes along some elements' axes, by steps from `first` down."""
    x = phi.x[which]
    h = first * (phi.scales if scales is None else scales)[which] * SHRINK ** -np.arange(LEVELS)[:, None]
    # The step that the arithmetic takes, not the one we asked for: x + h is rounded.
    right, left = (x + h) - x, (x - h) - x
    at_right, at_left = (np.reshape(phi.at(phi.axes(step, which)), h.shape) for step in (right, left))
    with np.errstate(all="ignore"):
        table = [(at_right - at_left) / (right - left)]  # [k] belongs to step h_k, error O(h²)
        best, error = np.zeros(x.shape), np.full(x.shape, np.inf)
        for order in range(1, LEVELS):
            factor = SHRINK ** (2 * order)
            previous = table[-1]
            improved = (factor * previous[1:] - previous[:-1]) / (factor - 1)  # removes the h^(2·order) term
            doubt = np.maximum(np.abs(improved - previous[1:]), np.abs(improved - previous[:-1]))
            # Noise of both values over the smallest step that has a part in the entry, which is hardly amplified.
            doubt = doubt + 2 * sigma / h[order:]
            for k in range(len(improved)):
                better = doubt[k] < error  # False for NaN, which comes of values that are not finite
                best, error = np.where(better, improved[k], best), np.where(better, doubt[k], error)
            table.append(improved)
        # The difference of the slopes to both sides is h φ'' of a smooth function, and halves with h.
        bend = np.abs((at_right - centre) / right - (at_left - centre) / left)[-2:]
        kink = (bend[1] > 0.75 * bend[0]) & (bend[1] > CLEAR * sigma / h[-1])
    return Slopes(best, np.where(kink, error + bend[1], error), kink)
