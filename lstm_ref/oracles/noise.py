"""How precise are the values of a function, whatever their dtype says? Code may compute in float32 on its way.

Values at equally spaced points of a short line are a smooth part, which differences of a high order remove, and noise,
which they do not: σ_k² = (k!)²/(2k)! · mean of the squared k-th differences. Source: Moré and Wild, "Estimating
computational noise", SIAM Journal on Scientific Computing 33, 2011, eq. 2.5.

A line must show the noise and nothing else. A kink on it looks like noise, and kinks lie where the inputs are (a relu
of 0, the larger of equals): so lines lie beside the inputs, and five are tried, of which a kink meets few. A float32 on
the way goes up by steps, a float16 by larger ones, also where most of the value is a float64's: on too short a line
there is no step, and a longer one meets kinks. Each precision has a spacing at which a line of it has some steps; the
larger noise of the two is the noise. A value all of which is rounded to a float16 may not even change there: at the
longest spacing it does.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial

import numpy as np

SPACINGS = (2.0**-20, 2.0**-13, 2.0**-9)
"""At which float32 has steps, at which float16 has, and where all of a value is rounded to so little."""
STARTS = (128, 128, 1)
"""Spacings from the inputs to the first point."""
POINTS = 9
ORDERS = (4, 5, 6)
DIRECTIONS = 5
FLOAT64 = 2.0**-44
"""Noise relative to the values, above which it cannot be that of a few hundred roundings in float64."""


def lines(x: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The points (len(SPACINGS), DIRECTIONS, POINTS, N) at which a function of x (N,) is to be evaluated,
    in steps relative to `scales`."""
    rng = np.random.default_rng(0)
    signs = np.where(np.arange(DIRECTIONS) % 2, 1.0, -1.0)[:, None] * rng.choice([-1.0, 1.0], x.size)
    directions = rng.permuted(signs, axis=0) * rng.uniform(0.5, 1, (DIRECTIONS, x.size))
    # As long as one element's step, however many there are: along many at once a function bends more.
    directions = directions * scales / max(1.0, x.size**0.5)
    along = np.array(SPACINGS)[:, None] * (np.array(STARTS)[:, None] + np.arange(POINTS))
    points: np.ndarray = x + along[:, None, :, None] * directions[:, None, :]
    return points


def noise_of(values: np.ndarray) -> np.ndarray:
    """The noise, one standard deviation, of values (len(SPACINGS), DIRECTIONS, POINTS, ...): an array (...)."""
    with np.errstate(all="ignore"):
        found = _of_each_line(values)
        # Differences see little of few steps, and nothing of even ones: rounding to steps is as uncertain as this.
        step = np.abs(np.diff(values, axis=2))
        steps = np.count_nonzero(step, axis=2)
        height = np.min(step, axis=2, where=step > 0, initial=np.inf) / 12**0.5
        found = np.where((steps > 0) & (steps <= POINTS // 2), np.maximum(height, found), found)
        # Flat on both shorter lines: what is flat on one alone may be a relu's other side.
        flat = np.all(np.median(steps[:2], axis=1) == 0, axis=0)
        found = np.sort(found, axis=1)
        fine, middle = found[:2, -2]  # a kink is hardly on two such lines; of few steps a line may have none
        coarse = found[2, 1]  # of a kink to one side, three lines at most meet it
        noise = np.fmax(fine, np.where(flat, coarse, middle))  # the longer lines may end where nothing is finite
    return np.asarray(np.where(np.isfinite(noise), noise, np.inf))


def staircase_of(values: np.ndarray) -> np.ndarray:
    """The noise that low precision makes and nothing else does, of values as in `noise_of`.

    A function that jumps, as the gradient of a relu does, changes from some points to the next. What is rounded to
    float32 changes from nearly all points to the next, on most lines, at the first spacing; to less, at the last.
    """
    with np.errstate(all="ignore"):
        steps = np.count_nonzero(np.diff(values, axis=2), axis=2)
        seen = np.where(steps >= POINTS - 2, _of_each_line(values), 0.0)
        fine, _, coarse = np.median(seen, axis=1)
        return np.asarray(np.where(np.median(steps[0], axis=0) == 0, coarse, fine))


def _of_each_line(values: np.ndarray) -> np.ndarray:
    """By the formula above: of smooth parts the higher orders leave less, of noise they say the same."""
    by_order = [
        np.sqrt(factorial(k) ** 2 / factorial(2 * k) * np.mean(np.diff(values, n=k, axis=2) ** 2, axis=2))
        for k in ORDERS
    ]
    return np.asarray(np.min(by_order, axis=0))


def noise(
    function: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    scales: np.ndarray,
    of: Callable[[np.ndarray], np.ndarray] = noise_of,
) -> np.ndarray:
    """The noise of function(points (K, N)) -> (K, ...) near x (N,), in the shape (...) of one value."""
    points = lines(x, scales)
    values = np.asarray(function(points.reshape(-1, x.size)), dtype=np.float64)
    return of(values.reshape(*points.shape[:3], *values.shape[1:]))
