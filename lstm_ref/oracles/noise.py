"""How precise are the values of a function, whatever their dtype says? Code may compute in float32 on its way.

Values at equally spaced points of a short line are a smooth part, which differences of a high order remove, and noise,
which they do not: σ_k² = (k!)²/(2k)! · mean of the squared k-th differences. Source: Moré and Wild, "Estimating
computational noise", SIAM Journal on Scientific Computing 33, 2011, eq. 2.5.

A spacing must show the noise and nothing else. At the finest one a value in float64 still changes by many of its units,
and a kink between two points, which looks like noise, makes little; but a float32 on the way hardly changes there, or
not at all, and a float16 not at the second either. So the coarser ones are believed where the finest shows no change,
or more than float64 can be blamed for. Five directions are tried, and the median is taken: a kink lies on few lines.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial

import numpy as np

SPACINGS = (2.0**-36, 2.0**-20, 2.0**-9)
POINTS = 9
ORDERS = (4, 5, 6)
DIRECTIONS = 5
FLOAT64 = 2.0**-44
"""Noise relative to the values, above which it cannot be that of a few hundred roundings in float64."""
SEEN = 64.0
"""At the finest spacing one element in so many, squared, shows the noise that all have: more than it saw times this
there is not, or it was a kink."""


def lines(x: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The points (len(SPACINGS), DIRECTIONS, POINTS, N) at which a function of x (N,) is to be evaluated,
    in steps relative to `scales`."""
    rng = np.random.default_rng(0)
    directions = rng.choice([-1.0, 1.0], (DIRECTIONS, x.size)) * rng.uniform(0.5, 1, (DIRECTIONS, x.size))
    # As long as one element's step, however many there are: along many at once a function bends more.
    directions = directions * scales / max(1.0, x.size**0.5)
    along = np.multiply.outer(np.array(SPACINGS), np.arange(POINTS) - POINTS // 2)
    points: np.ndarray = x + along[:, None, :, None] * directions[:, None, :]
    return points


def noise_of(values: np.ndarray) -> np.ndarray:
    """The noise, one standard deviation, of values (len(SPACINGS), DIRECTIONS, POINTS, ...): an array (...)."""
    found = []
    with np.errstate(all="ignore"):
        for order in ORDERS:
            differences = np.diff(values, n=order, axis=2)
            found.append(np.sqrt(factorial(order) ** 2 / factorial(2 * order) * np.mean(differences**2, axis=2)))
        sigma = np.median(np.min(found, axis=0), axis=1)  # of smooth parts the higher orders leave less
        flat = np.median(np.ptp(values, axis=2), axis=1) == 0
        size = np.max(np.abs(values), axis=(0, 1, 2))
        fine, middle, _ = sigma
        coarse = np.max(np.min(found, axis=0)[2], axis=0)  # in some directions a float16 goes up by even steps
        rough = np.where(flat[1], coarse, middle)
        noise = np.where(flat[0], rough, np.where(fine <= FLOAT64 * size, fine, np.minimum(rough, SEEN * fine)))
    return np.asarray(np.where(np.isfinite(noise), noise, np.inf))


def noise(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The noise of function(points (K, N)) -> (K, ...) around x (N,), in the shape (...) of one value."""
    points = lines(x, scales)
    values = np.asarray(function(points.reshape(-1, x.size)), dtype=np.float64)
    return noise_of(values.reshape(*points.shape[:3], *values.shape[1:]))
