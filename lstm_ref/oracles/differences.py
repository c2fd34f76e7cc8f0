"""Central differences in float64, extrapolated to step zero, with an error estimate. They need values only.

Source: Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", Advances in Engineering Software 4, 1982. Two
additions make the estimate reliable. First, values are taken to be only as precise as measured (`noise`): code with
float32 inside is a staircase, and on one of its steps the slope looks like zero. Second, if the slopes to the right and
to the left stay apart as the step shrinks, a kink lies within the step: the element is tried again at smaller steps,
and if the kink remains, the error is at least the difference of the slopes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.leaves import Function
from lstm_ref.oracles.estimate import Estimate, FlatFunction
from lstm_ref.oracles.noise import noise

SHRINK = 2.0
LEVELS, FEW = 8, 5
SHARP = 1e-11
"""Error relative to the largest element, up to which FEW levels will do; for smooth functions they leave 1e-12."""
FIRST_STEPS = (0.05, 1e-4, 4e-7)
"""First steps of the first attempt and of the next ones, for elements still in doubt; each begins below the last step
of the one before."""
LONG_STEP, BLURRED = 0.4, 1e-3
"""Error relative to the slope, above which a step eight times as long is tried: the noise of a float32 then counts an
eighth, and eight halvings of the step still reach far below the scale on which the function bends."""
DOUBTFUL = 1e-7
"""Error relative to the largest element, above which an element is tried again; for ordinary smooth functions it is
1e-10."""
CLEAR = 20.0
"""Standard deviations of the noise that a difference of slopes must exceed to count as a kink."""


def differences(function: Function, inputs: Any, cotangent: Any) -> Estimate:
    """Finite differences with Ridders' extrapolation, element by element.

    Expected relative errors: about 1e-10 at five time steps, 2e-8 at thirty; for values with float32 inside, 1e-3 to
    1e-4. Inputs are taken as float64.

    Args:
        function: Any function of pytrees; only its values are used.
        inputs: A pytree of arrays, the point.
        cotangent: A pytree like the outputs: the weight of each element in Σ cotangent · output.

    Returns:
        The gradient, and each element's error, that of the best entry of its tableau: infinite if no value near the
        inputs is finite.

    Example:
        >>> import numpy as np
        >>> found = differences(lambda x: (x ** 3).sum(), np.array([1.0, 2.0]), np.array(1.0))
        >>> found.gradients.round(8).tolist()
        [3.0, 12.0]
    """
    phi = FlatFunction(function, inputs, cotangent)
    spread = float(noise(phi.at, phi.x, phi.scales)) if phi.x.size else 0.0
    centre = float(np.real(phi.at(phi.x[None])[0]))
    # A sum of outputs is uncertain by at least its last rounding.
    sigma = max(spread, float(np.finfo(np.float64).eps) * abs(centre))
    found = _at(phi, np.arange(phi.x.size), FIRST_STEPS[0], centre, sigma)
    for first in FIRST_STEPS[1:]:
        scale = float(np.max(np.abs(found.slope), initial=0.0, where=np.isfinite(found.error)))
        again = np.flatnonzero(
            (found.kink | (found.error > DOUBTFUL * scale)) & (sigma / (first * phi.scales) < found.error)
        )
        if again.size:
            found = _better(found, _at(phi, again, first, centre, sigma), again)
    # For tiny inputs, a longer step is used if it gives the same slope: their size may not be the function's scale.
    small = np.flatnonzero((phi.scales < 1) & ~found.kink)
    if small.size:
        found = _longer(found, _at(phi, small, FIRST_STEPS[0], centre, sigma, np.maximum(1.0, phi.scales)), small)
    # A longer step is also used where noise hides the slope: the values then differ by more.
    hidden = np.flatnonzero((found.error > BLURRED * np.abs(found.slope)) & ~found.kink)
    if hidden.size:
        found = _longer(found, _at(phi, hidden, LONG_STEP, centre, sigma), hidden)
    at_kink = bool(np.any(found.kink))
    return Estimate(phi.unravel(found.slope), jax.tree.map(np.asarray, phi.unravel(found.error)), at_kink)


class Slopes(NamedTuple):
    """Slopes of some elements, with their errors."""

    slope: np.ndarray
    error: np.ndarray
    kink: np.ndarray
    """Whether the slopes to either side still differ at the smallest step."""


def _better(found: Slopes, new: Slopes, which: np.ndarray) -> Slopes:
    """Replaces slopes by those at smaller steps, which may avoid a kink; otherwise the smaller error wins."""
    take = (new.error < found.error[which]) | (found.kink[which] & ~new.kink & np.isfinite(new.error))
    return _replace_slopes(found, new, which, take)


def _longer(found: Slopes, wide: Slopes, which: np.ndarray) -> Slopes:
    """Replaces slopes by those at longer steps, where both agree and the longer steps have the smaller error."""
    same = np.abs(wide.slope - found.slope[which]) <= found.error[which]
    return _replace_slopes(found, wide, which, same & (wide.error < found.error[which]) & ~wide.kink)


def _replace_slopes(found: Slopes, new: Slopes, which: np.ndarray, take: np.ndarray) -> Slopes:
    every = [old.copy() for old in found]
    for old, value in zip(every, new, strict=True):
        old[which[take]] = value[take]
    return Slopes(*every)


def _at(
    phi: FlatFunction, which: np.ndarray, first: float, centre: float, sigma: float, scales: np.ndarray | None = None
) -> Slopes:
    """The slopes along some elements' axes, with steps from `first` downwards: FEW of them, and LEVELS for elements of
    which few leave more than a SHARP error."""
    x = phi.x[which]
    h = first * (phi.scales if scales is None else scales)[which] * SHRINK ** -np.arange(LEVELS)[:, None]
    # The step that the arithmetic really takes: x + h is rounded.
    right, left = (x + h) - x, (x - h) - x

    def values(levels: slice, some: np.ndarray) -> list[np.ndarray]:
        axes = (phi.axes(step[levels, some], which[some]) for step in (right, left))
        return [np.reshape(phi.at(points), (-1, some.size)) for points in axes]

    few, every = slice(0, FEW), np.arange(which.size)
    at_right, at_left = values(few, every)
    found = _extrapolate(h[few], right[few], left[few], at_right, at_left, centre, sigma)
    scale = float(np.max(np.abs(found.slope), initial=0.0, where=np.isfinite(found.error)))
    rough = np.flatnonzero(found.kink | ~(found.error <= SHARP * scale))
    if rough.size:
        more_right, more_left = values(slice(FEW, None), rough)
        at_right, at_left = (
            np.concatenate([at_right[:, rough], more_right]),
            np.concatenate([at_left[:, rough], more_left]),
        )
        fine = _extrapolate(h[:, rough], right[:, rough], left[:, rough], at_right, at_left, centre, sigma)
        found = _replace_slopes(found, fine, rough, np.ones(rough.size, dtype=bool))
    return found


def _extrapolate(
    h: np.ndarray, right: np.ndarray, left: np.ndarray, at_right: Any, at_left: Any, centre: float, sigma: float
) -> Slopes:
    """Ridders' tableau of the values at x + right and x + left, arrays (levels, elements)."""
    with np.errstate(all="ignore"):
        table = [(at_right - at_left) / (right - left)]  # [k] belongs to step h_k, error O(h²)
        best, error = np.zeros(h.shape[1]), np.full(h.shape[1], np.inf)
        for order in range(1, len(h)):
            factor = SHRINK ** (2 * order)
            previous = table[-1]
            improved = (factor * previous[1:] - previous[:-1]) / (factor - 1)  # removes the h^(2·order) term
            doubt = np.maximum(np.abs(improved - previous[1:]), np.abs(improved - previous[:-1]))
            # The noise of both values over the smallest step that contributes to the entry; extrapolation hardly
            # amplifies it.
            doubt = doubt + 2 * sigma / h[order:]
            for k in range(len(improved)):
                better = doubt[k] < error  # False for NaN, which comes from values that are not finite
                best, error = np.where(better, improved[k], best), np.where(better, doubt[k], error)
            table.append(improved)
        # For a smooth function the difference of the slopes to both sides is h φ'', which halves with h.
        bend = np.abs((at_right - centre) / right - (at_left - centre) / left)[-2:]
        kink = (bend[1] > 0.75 * bend[0]) & (bend[1] > CLEAR * sigma / h[-1])
    return Slopes(best, np.where(kink, error + bend[1], error), kink)
