"""The verdict on one input: the claim beside every oracle's answer, and which oracle decides."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lstm_ref.arithmetic.balls import Balls, as_balls, is_balls, midpoints, precision
from lstm_ref.checking.asking import Answer
from lstm_ref.checking.compare import Comparison, compare, compare_floats
from lstm_ref.checking.floor import bits
from lstm_ref.checking.localising import pattern_of
from lstm_ref.checking.report import InputReport, OracleReport
from lstm_ref.oracles.balls import GUARD_DIGITS

# An extrapolated difference estimates its own error, it does not bound it: it counts as disagreeing beyond ten times.
DIFFERENCE_DOUBT = 10.0


def judge(
    path: str,
    value: np.ndarray,
    in_balls: dict[str, Balls] | None,
    floor: np.ndarray,
    oracle_floor: np.ndarray,
    answers: dict[str, Answer],
    decisive: set[str],
    digits: int,
) -> tuple[InputReport, np.ndarray]:
    """The report on one input, and which of its elements are wrong."""
    cap = bits(value.dtype) * math.log10(2) if value.dtype.kind != "i" else 16.0
    oracles, wrong, pattern_mask = [], 0, np.zeros(value.shape, bool)
    digits_balls: float | None = None
    limits: list[float] = []
    limit_balls: float | None = None
    zeros = 0
    digits_floats = cap
    for name, answer in answers.items():
        with precision(3 * digits // 2 + GUARD_DIGITS):
            doubt: Any = answer.doubt[path] * (DIFFERENCE_DOUBT if name == "differences" else 1)
            # What computes in floats loses digits of its own, oracle and claim alike.
            lost = floor if name == "balls" else floor + oracle_floor
            compared = _compare(value, answer, path, doubt, lost)
            proven = None
            if name == "balls" and in_balls is not None:
                proven = _compare(in_balls[path], answer, path, doubt, 0.0)
        decides = name in decisive
        agrees = bool(compared.right.all()) and (proven is None or bool(proven.right.all()))
        shown = compared if proven is None or not compared.right.all() else proven
        if decides or len(answers) == 1:
            mask = ~compared.right if proven is None else ~(compared.right & proven.right)
            wrong = max(wrong, int(mask.sum()))
            if mask.shape == value.shape:
                pattern_mask |= mask
            digits_floats = min(digits_floats, compared.digits)
            limits.append(_limit_each(compared, answer, value, path))
            zeros = max(zeros, compared.zeros if answer.directions is None else 0)
            if proven is not None:
                digits_balls = min(proven.digits, float(digits))
                limit_balls = _limit_each(proven, answer, value, path)
        oracles.append(
            OracleReport(
                name,
                min(shown.digits, digits if shown is proven else cap),
                agrees,
                decides,
                shown.limit,
                shown.worst,
                shown.claimed,
                shown.expected,
                shown.error,
                shown.allowed,
            )
        )
    right = all(o.agrees for o in oracles if o.decides)
    report = InputReport(
        path,
        value.shape,
        str(value.dtype),
        right,
        wrong,
        digits_balls,
        digits_floats,
        tuple(oracles),
        None if right else pattern_of(pattern_mask),
        min(limits, default=math.inf),
        limit_balls,
        zeros,
    )
    return report, pattern_mask if pattern_mask.any() or right else np.ones(value.shape, bool)


def _limit_each(compared: Comparison, answer: Answer, value: np.ndarray, path: str) -> float:
    """The detection limit of any one element, relative to its own size.

    Along directions of ±1 an element's error shows whole, in a sum that is allowed for as a sum: the smallest element
    that is claimed decides.
    """
    if answer.directions is None:
        return compared.limit_each
    sizes = np.abs(value.astype(np.float64))
    expected = answer.gradients[path]
    scale = max((abs(v) for v in np.ravel(midpoints(expected) if is_balls(expected) else expected)), default=0.0)
    smallest = float(np.min(sizes, where=sizes > 0, initial=math.inf))
    return compared.limit * float(scale) / smallest if math.isfinite(smallest) and scale > 0 else math.inf


def _compare(claimed: Any, answer: Answer, path: str, doubt: Any, floor: Any) -> Comparison:
    """In balls where either is; else in floats, whose one rounding of a difference is far below any floor."""
    expected = answer.gradients[path]
    if answer.directions is not None:
        along = answer.directions[path]
        axes = tuple(range(1, along.ndim))
        claimed = as_balls((as_balls(claimed)[None] * along).sum(axis=axes))
        floor = np.sum(np.broadcast_to(floor, along.shape[1:])) * np.ones(len(along))
    elif not is_balls(claimed) and not is_balls(expected):
        return compare_floats(claimed, expected, doubt, floor)
    return compare(as_balls(claimed), as_balls(expected), doubt, floor)


def contradictions_in(reports: list[InputReport]) -> list[str]:
    """An oracle that differs where the deciding one agrees, or the other way round, is worth a word."""
    found = []
    for name in dict.fromkeys(o.oracle for r in reports for o in r.oracles):
        differing = [
            r.name for r in reports for o in r.oracles if o.oracle == name and not o.decides and o.agrees != r.right
        ]
        if differing:
            found.append(
                f"{name} contradicts the deciding oracle for {', '.join(differing)}: a custom derivative rule, "
                "a stop_gradient or a kink in the function makes its derivative and its values differ"
            )
    return found
