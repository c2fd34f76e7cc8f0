"""Compares two gradients: how many digits agree, which element is worst, which errors exceed the allowance."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from flint import arb

from lstm_ref.arithmetic.balls import Balls, as_balls


class Agreement(NamedTuple):
    """How far a claimed gradient agrees with one oracle's, for one input."""

    digits: float
    """−log10 of the largest error, relative to the array's largest element, as far as the oracle can see."""
    limit: float
    """Detection limit: the largest error, relative to the largest element, that the comparison would have passed."""
    limit_each: float
    """The detection limit of any one element relative to its own size; elements that are truly zero do not count."""
    zeros: int
    """Number of elements that are truly zero, as far as the oracle can see."""
    right: np.ndarray
    """Bools in the array's shape: which elements agree within their allowance."""
    worst: tuple[int, ...]
    """Index of the element whose error exceeds its allowance most, or comes nearest to it."""
    claimed: str
    expected: str
    error: float
    allowed: float
    seen: int
    """Number of elements where an error as large as the element itself would have been caught."""
    allowed_most: float
    """The largest allowance of any element."""


def compare_in_balls(claimed: Balls, expected: Balls, doubt: Any, floor: Any) -> Agreement:
    """Compares element by element: right where |claimed − expected| <= doubt + floor + both radii. NaN is never right.

    `doubt` is the oracle's own error, `floor` the error that the claim's arithmetic may make; each is a scalar or has
    the gradients' shape. If there are no elements, everything agrees.
    """
    shape = expected.shape
    each = [np.broadcast_to(as_balls(v), shape).ravel().tolist() for v in (claimed, expected, doubt, floor)]
    if not each[0]:
        return _without_elements(shape)
    errors, doubts, allowances, limits, zeros = [], [], [], [], 0
    for value, truth, unsure, lost in zip(*each, strict=True):
        distance = abs(value.real - truth.real)
        errors.append(distance.mid())
        doubts.append(distance.rad() + unsure.real.abs_upper())
        allowances.append(doubts[-1] + lost.real.abs_upper())
        if truth.is_finite() and not abs(truth.real).mid() > doubts[-1]:
            zeros += 1
        else:
            limits.append(_ratio(allowances[-1], abs(truth.real).mid()))
    right = [bool(error <= allowed) for error, allowed in zip(errors, allowances, strict=True)]  # False for NaN
    worst = max(range(len(errors)), key=lambda n: _excess(errors[n], allowances[n]))
    scale = _largest([abs(truth.real).mid() for truth in each[1]])
    error = _largest(errors)
    return Agreement(
        digits=math.inf if error == 0 and all(right) else _digits(error.max(_largest(doubts)), scale, all(right)),
        limit=_ratio(_largest(allowances), scale),
        limit_each=max(limits, default=0.0),
        zeros=zeros,
        right=np.array(right).reshape(shape),
        worst=tuple(int(k) for k in np.unravel_index(worst, shape)),
        claimed=_show(each[0][worst].real, errors[worst]),
        expected=_show(each[1][worst].real, errors[worst]),
        error=float(errors[worst]),
        allowed=float(allowances[worst]),
        seen=sum(ratio < 1 for ratio in limits),
        allowed_most=float(_largest(allowances)),
    )


def compare_in_floats(claimed: np.ndarray, expected: np.ndarray, doubt: Any, floor: Any) -> Agreement:
    """The same for float arrays, computed on whole arrays at a time."""
    claimed, expected = np.asarray(claimed, np.float64), np.asarray(expected, np.float64)
    shape = expected.shape
    if not expected.size:
        return _without_elements(shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = np.abs(claimed - expected)
        doubts = np.broadcast_to(np.asarray(doubt, np.float64), shape)
        allowed = doubts + np.asarray(floor, np.float64)
        right = errors <= allowed  # False for NaN
        excess = np.where(np.isnan(errors), np.inf, errors / allowed)
        excess = np.where(errors == 0, 0.0, excess)
    at = tuple(int(k) for k in np.unravel_index(int(np.argmax(excess)), shape))
    sizes = np.abs(expected)
    seen = sizes > doubts
    scale, largest = float(sizes.max()), float(errors.max())
    finite = math.isfinite(largest) and math.isfinite(scale)
    if largest == 0 and right.all():
        digits = math.inf
    elif not finite:
        digits = 0.0
    else:
        digits = _digits(arb(max(largest, float(doubts.max()))), arb(scale), bool(right.all()))
    limits = np.divide(allowed, sizes, out=np.zeros(shape), where=seen)
    return Agreement(
        digits=digits,
        limit=float(allowed.max()) / scale if scale > 0 else math.inf,
        limit_each=float(limits.max()),
        zeros=int(np.sum(~seen)),
        right=right,
        worst=at,
        claimed=_show(arb(float(claimed[at])), arb(float(errors[at]))),
        expected=_show(arb(float(expected[at])), arb(float(errors[at]))),
        error=float(errors[at]),
        allowed=float(allowed[at]),
        seen=int(np.sum(seen & (allowed < sizes))),
        allowed_most=float(allowed.max()),
    )


def _without_elements(shape: tuple[int, ...]) -> Agreement:
    """Nothing to compare: everything agrees."""
    return Agreement(
        digits=math.inf,
        limit=0.0,
        limit_each=0.0,
        zeros=0,
        right=np.ones(shape, bool),
        worst=(),
        claimed="",
        expected="",
        error=0.0,
        allowed=0.0,
        seen=0,
        allowed_most=0.0,
    )


def _largest(values: list[arb]) -> arb:
    if not all(v.is_finite() for v in values):
        return arb("nan")
    return max(v.mid() for v in values)


def _excess(error: arb, allowed: arb) -> float:
    """Orders of magnitude by which the error exceeds the allowance."""
    if not error.is_finite() or (error > 0 and allowed == 0):
        return math.inf
    return -math.inf if error == 0 else _log10(error / allowed)


def _digits(error: arb, scale: arb, right: bool) -> float:
    if not error.is_finite() or not scale.is_finite():
        return 0.0
    if error == 0 or (scale == 0 and right):
        return math.inf
    return max(0.0, -_log10(error / scale)) if scale > 0 else 0.0


def _ratio(allowed: arb, scale: arb) -> float:
    return float(allowed / scale) if scale > 0 and allowed.is_finite() else math.inf


def _log10(x: arb) -> float:
    return float(x.log().mid()) / math.log(10)


def _show(value: arb, error: arb) -> str:
    """The number, with enough digits (6 to 40) to show the error."""
    digits = 6
    if value.is_finite() and error.is_finite() and error > 0 and value.mid() != 0:
        digits = min(40, max(6, 3 + math.ceil(_log10(abs(value.mid()) / error))))
    return str(value.str(digits, radius=False))
