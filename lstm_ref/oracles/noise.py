"""Measures how precise the values of a function are, whatever their dtype: code may compute in float32 inside.

Values at equally spaced points of a short line are a smooth part, which differences of high order remove, plus noise,
which they keep: σ_k² = (k!)²/(2k)! · mean of the squared k-th differences. Source: Moré and Wild, "Estimating
computational noise", SIAM Journal on Scientific Computing 33, 2011, eq. 2.5.

A line must show the noise and nothing else. A kink on the line looks like noise, and kinks often lie at the inputs (a
relu of 0, the larger of equals). So the lines lie beside the inputs, and five are tried, few of which meet a kink.
Values with float32 inside rise in steps, those with float16 in larger steps, even if a float64 term makes up most of
the value. Too short a line has no step on it; a longer one meets kinks. So each precision has a spacing at which a line
of it crosses some steps, and the larger of the two measured noises counts. A value that is entirely rounded to float16
may not change at all at these spacings, but does at the longest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import factorial
from typing import Any

import numpy as np

SPACINGS = (2.0**-20, 2.0**-13, 2.0**-9)
"""Spacings at which float32 shows steps, at which float16 does, and at which a value entirely rounded to float16
does."""
STARTS = (128, 128, 1)
"""Distance from the inputs to the first point, in spacings."""
POINTS = 9
ORDERS = (4, 5, 6)
DIRECTIONS = 5
FLOAT64 = 2.0**-44
"""Noise relative to the values, above which it is more than a few hundred roundings in float64 make."""


def lines(x: np.ndarray, scales: np.ndarray) -> Iterator[Iterator[Iterator[np.ndarray]]]:
    """The points (N,) at which to evaluate a function of x (N,), in steps relative to `scales`: for each spacing, for
    each direction, POINTS of them."""
    rng = np.random.default_rng(0)
    signs = np.where(np.arange(DIRECTIONS) % 2, 1.0, -1.0)[:, None] * rng.choice([-1.0, 1.0], x.size)
    directions = rng.permuted(signs, axis=0) * rng.uniform(0.5, 1, (DIRECTIONS, x.size))
    # As long as the step of one element, whatever their number: along many elements at once a function bends more.
    directions = directions * scales / max(1.0, x.size**0.5)
    along = np.array(SPACINGS)[:, None] * (np.array(STARTS)[:, None] + np.arange(POINTS))
    return (((x + step * direction for step in steps) for direction in directions) for steps in along)


def noise_of(values: np.ndarray) -> np.ndarray:
    """The noise, one standard deviation, of values (len(SPACINGS), DIRECTIONS, POINTS, ...): an array (...)."""
    with np.errstate(all="ignore"):
        found = _of_each_line(values, axis=2)
        # Differences show little of a few steps and nothing of even ones; the height of a step bounds the noise there.
        step = np.abs(np.diff(values, axis=2))
        steps = np.count_nonzero(step, axis=2)
        height = np.min(step, axis=2, where=step > 0, initial=np.inf) / 12**0.5
        found = np.where((steps > 0) & (steps <= POINTS // 2), np.maximum(height, found), found)
        # Flat on both shorter lines; a line that is flat alone may lie on the zero side of a relu.
        flat = np.all(np.median(steps[:2], axis=1) == 0, axis=0)
        found = np.sort(found, axis=1)
        # the second largest, because two such lines hardly ever meet a kink, and a line with few steps may show none
        fine, middle = found[:2, -2]
        coarse = found[2, 1]  # the second smallest, because a kink to one side meets three lines at most
        noise = np.fmax(fine, np.where(flat, coarse, middle))  # on the longer lines, values may not be finite
    return np.asarray(np.where(np.isfinite(noise), noise, np.inf))


def noise(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The noise of function(points (K, N)) -> (K, ...) near x (N,), in the shape (...) of one value."""
    points = np.array([[list(line) for line in directions] for directions in lines(x, scales)])
    values = np.asarray(function(points.reshape(-1, x.size)), dtype=np.float64)
    return noise_of(values.reshape(*points.shape[:3], *values.shape[1:]))


def staircase(function: Callable[[Iterator[np.ndarray]], np.ndarray], x: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The noise of function(POINTS points (N,)) -> (POINTS, M) near x (N,) that only low precision makes: (M,).

    A function that jumps, as the gradient of a relu does, changes between some of the points. A value rounded to
    float32 changes between nearly all points, on most lines, at the first spacing; a value of lower precision, at the
    last. One jump of a function that changes everywhere, such as the gradient of the square of a relu, is no noise.
    Lines are looked at one by one, in parts: all values of a large gradient at once would fill the memory.
    """
    fine_lines, _, coarse_lines = lines(x, scales)
    fine, is_flat = _staircase_of(function, fine_lines)
    if not np.any(is_flat):
        return np.asarray(fine)
    coarse, _ = _staircase_of(function, coarse_lines)
    return np.asarray(np.where(is_flat, coarse, fine))


PART = 4096
"""Values of a line that are looked at together."""


def _staircase_of(
    function: Callable[[Iterator[np.ndarray]], np.ndarray], points: Iterator[Iterator[np.ndarray]]
) -> tuple[Any, Any]:
    """The median of the lines' noise in steps at nearly all points, and whether most lines have no step."""
    noises, counts = [], []
    with np.errstate(all="ignore"):
        for line in points:
            values = np.asarray(function(line), dtype=np.float64)
            parts = [values[:, k : k + PART] for k in range(0, values.shape[1], PART)]
            steps = [np.count_nonzero(np.diff(part, axis=0), axis=0) for part in parts]
            noises.append(_joined([_of_steps(part, n) for part, n in zip(parts, steps, strict=True)]))
            counts.append(_joined(steps))
        return np.median(noises, axis=0), np.median(counts, axis=0) == 0


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *parts])


def _of_steps(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The noise of a line's values (POINTS, M) that have steps (M,) at nearly all points; 0 of the others."""
    of_line = np.minimum(_of_each_line(values, axis=0), _of_each_line(_without_jump(values), axis=0))
    return np.where(steps >= POINTS - 2, of_line, 0.0)


def _without_jump(values: np.ndarray) -> np.ndarray:
    """The values of a line with the most unusual of its steps made as large as the median step."""
    steps = np.diff(values, axis=0)
    usual = np.median(steps, axis=0, keepdims=True)
    jump = np.argmax(np.abs(steps - usual), axis=0, keepdims=True)
    np.put_along_axis(steps, jump, usual, axis=0)
    return np.concatenate([values[:1], values[:1] + np.cumsum(steps, axis=0)], axis=0)


def _of_each_line(values: np.ndarray, axis: int) -> np.ndarray:
    """The noise of each line, whose points lie along an axis, by the formula above. Higher orders remove more of the
    smooth part and agree on noise, so the least counts."""
    by_order = [
        np.sqrt(factorial(k) ** 2 / factorial(2 * k) * np.mean(np.diff(values, n=k, axis=axis) ** 2, axis=axis))
        for k in ORDERS
    ]
    return np.asarray(np.min(by_order, axis=0))
