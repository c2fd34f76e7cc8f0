"""The verdict on one input: compares the claim with every oracle's answer, and finds which oracle decides, if any
can."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic.balls import Balls, as_balls, is_balls, midpoints
from lstm_ref.arithmetic.dtypes import bits
from lstm_ref.checking.report import InputReport, OracleReport
from lstm_ref.checking.truth.answers import Answer
from lstm_ref.checking.verdict.compare import Agreement, compare_in_balls, compare_in_floats
from lstm_ref.checking.verdict.pattern import pattern_of
from lstm_ref.oracles.balls import comparison_precision

# An extrapolated difference estimates its own error without bounding it, so it disagrees only beyond ten times the
# estimate.
DIFFERENCE_DOUBT = 10.0
# A gradient this much smaller than the largest gradient counts as zero; so does one smaller than the cotangents by its
# square.
ZERO_BESIDE = 1e-3


class Claimed(NamedTuple):
    """The author's gradients by path, in floats and in balls."""

    floats: Mapping[str, np.ndarray]
    balls: Mapping[str, Balls] | None
    """None if the code does not run in balls."""


class Allowed(NamedTuple):
    """Errors that right code may make, by path, each an array of the gradient's shape."""

    floor: Mapping[str, np.ndarray]
    """From the claim's arithmetic."""
    oracle: Mapping[str, np.ndarray]
    """From the arithmetic of an oracle that computes in floats."""
    constants: Mapping[str, np.ndarray] | None = None
    """From the rounding of constants, in the forward or the claim; None if nothing is allowed for it."""


class Judged(NamedTuple):
    """The verdict on one input."""

    report: InputReport
    wrong: np.ndarray
    """The mask of wrong elements."""
    may_be_zero: bool = False
    """Whether the input is undecided only because both truth and claim may be zero but for rounding."""
    is_refuted: bool = False
    """Whether claim and truth differ in balls, where no arithmetic of floats plays a part: its equations are wrong."""


def judge_all(
    claimed: Claimed,
    allowed: Allowed,
    answers: Mapping[str, Answer],
    decisive: set[str],
    digits: int,
    cotangent: float = 0.0,
) -> dict[str, Judged]:
    """By path, the verdict on every input, in the claim's order. `cotangent` is the size of the largest cotangent."""
    found = {path: _judge(path, claimed, allowed, answers, decisive, digits) for path in claimed.floats}
    sizes = (float(np.max(np.abs(v), initial=0.0)) for v in map(_floats, claimed.floats.values()))
    largest = max(ZERO_BESIDE * cotangent, max(sizes, default=0.0))
    is_proven = claimed.balls is not None and "balls" in answers
    return {
        path: _undecided(judged, sight, largest, claimed.floats[path], is_proven)
        for path, (judged, sight) in found.items()
    }


class _Sight(NamedTuple):
    """How much of an input the deciding oracles could see."""

    seen: int = 0
    """Number of elements, or directions, in which an error of their own size would have been caught."""
    zero: bool = False
    """Whether the truth is zero as far as one of the oracles sees; another may not estimate its own rounding."""
    allowed: float = 0.0


def _judge(
    path: str, claimed: Claimed, allowed: Allowed, answers: Mapping[str, Answer], decisive: set[str], digits: int
) -> tuple[Judged, _Sight]:
    value = claimed.floats[path]
    cap = bits(value.dtype) * math.log10(2) if value.dtype.kind != "i" else 16.0
    constants = 0.0 if allowed.constants is None else allowed.constants[path]
    oracles, wrong, pattern_mask = [], 0, np.zeros(value.shape, bool)
    digits_balls: float | None = None
    limits: list[float] = []
    limit_balls: float | None = None
    zeros = 0
    digits_floats = cap
    sight = _Sight()
    vetoed = is_refuted = False
    whole = {name for name in decisive if answers[name].directions is None}
    for name, answer in answers.items():
        with comparison_precision(digits):
            doubt: Any = answer.doubt[path] * (DIFFERENCE_DOUBT if name == "differences" else 1)
            # Any computation in floats loses digits, the oracle's as well as the claim's.
            floor = allowed.floor[path] + constants
            lost = floor if name == "balls" else floor + allowed.oracle[path]
            compared = _compare(value, answer, path, doubt, lost)
            proven = None
            if name == "balls" and claimed.balls is not None:
                proven = _compare(claimed.balls[path], answer, path, doubt, constants)
        decides = name in decisive
        agrees = bool(compared.right.all()) and (proven is None or bool(proven.right.all()))
        shown = compared if proven is None or not compared.right.all() else proven
        along = 0 if answer.directions is None else len(answer.directions[path])
        mask = ~compared.right if proven is None else ~(compared.right & proven.right)
        if decides or len(answers) == 1:
            wrong = max(wrong, int(mask.sum()) if not along else 0)
            if mask.shape == value.shape and not along:
                pattern_mask |= mask
            if name in whole or not whole:  # directions show less than a comparison of every element
                digits_floats = min(digits_floats, compared.digits)
            limits.append(_limit_each(compared, answer, value, path))
            zeros = max(zeros, compared.zeros if not along else 0)
            for one in (compared, proven):
                if one is not None:
                    sight = _seen(sight, one, value)
            if proven is not None:
                is_refuted = not proven.right.all()
                digits_balls = min(proven.digits, float(digits))
                limit_balls = _limit_each(proven, answer, value, path)
        elif name == "differences" and "complex" in decisive and not agrees and not along:
            # Values do not change as the complex step says: the function is not analytic there.
            vetoed, wrong = True, max(wrong, int(mask.sum()))
            pattern_mask |= mask
        oracles.append(
            OracleReport(
                oracle=name,
                digits=min(shown.digits, digits if shown is proven else cap),
                agrees=agrees,
                decides=decides or (vetoed and name == "differences"),
                limit=shown.limit,
                worst=shown.worst,
                claimed=shown.claimed,
                expected=shown.expected,
                error=shown.error,
                allowed=shown.allowed,
                directions=along,
                wrong_directions=int(mask.sum()) if along else 0,
            )
        )
    right = all(o.agrees for o in oracles if o.decides)
    report = InputReport(
        name=path,
        shape=value.shape,
        dtype=str(value.dtype),
        right=right,
        wrong_elements=wrong,
        digits_in_balls=digits_balls,
        digits_in_floats=digits_floats,
        oracles=tuple(oracles),
        pattern=None if right or not pattern_mask.any() else pattern_of(pattern_mask),
        limit_in_floats=min(limits, default=math.inf),
        limit_in_balls=limit_balls,
        zeros=zeros,
    )
    if not right and not pattern_mask.any():
        pattern_mask = np.ones(value.shape, bool)
    return Judged(report, pattern_mask, is_refuted=is_refuted), sight


def _seen(before: _Sight, compared: Agreement, value: np.ndarray) -> _Sight:
    zero = compared.seen == 0 and compared.zeros == compared.right.size
    return _Sight(before.seen + compared.seen, before.zero or zero, max(before.allowed, compared.allowed_most))


def _undecided(judged: Judged, sight: _Sight, largest: float, value: np.ndarray, is_proven: bool) -> Judged:
    """Changes a right verdict to undecided if no error could have shown: the allowance is as large as the gradient in
    every element, or not one digit agrees. A gradient of zero stays decided if the claim is zero too and other
    gradients are far larger than the allowance."""
    report, wrong = judged.report, judged.wrong
    if not report.right or not report.elements:
        return judged
    if sight.seen:
        digits = report.digits_in_floats if report.digits_in_balls is None else report.digits_in_balls
        return Judged(report if digits >= 1 else replace(report, right=False, undecided=True), wrong)
    is_zero = sight.zero and sight.allowed <= ZERO_BESIDE * largest
    if is_zero and (is_proven or not np.any(value)):
        return Judged(report, wrong)
    return Judged(replace(report, right=False, undecided=True), wrong, is_zero)


def _floats(v: np.ndarray) -> np.ndarray:
    v = np.asarray(v, dtype=np.float64)
    return np.where(np.isfinite(v), v, 0.0)


def _limit_each(compared: Agreement, answer: Answer, value: np.ndarray, path: str) -> float:
    """The detection limit of any one element, relative to its own size.

    Along a direction, at least half of an element's error shows, against the allowance of the whole sum; so the
    smallest claimed element decides.
    """
    if answer.directions is None:
        return compared.limit_each
    sizes = np.abs(value.astype(np.float64))
    expected = answer.gradients[path]
    scale = max((abs(v) for v in np.ravel(midpoints(expected) if is_balls(expected) else expected)), default=0.0)
    smallest = float(np.min(sizes, where=sizes > 0, initial=math.inf))
    return 2 * compared.limit * float(scale) / smallest if math.isfinite(smallest) and scale > 0 else math.inf


def _compare(claimed: Any, answer: Answer, path: str, doubt: Any, floor: Any) -> Agreement:
    """Compares in balls if either is one; otherwise in floats, where rounding the difference once is far below any
    floor."""
    expected = answer.gradients[path]
    if answer.directions is not None:
        along = answer.directions[path]
        axes = tuple(range(1, along.ndim))
        claimed = as_balls(np.array([_sum_along(np.ravel(claimed), np.ravel(one)) for one in along], dtype=object))
        floor = (np.abs(along) * np.broadcast_to(floor, along.shape[1:])).sum(axis=axes)
    elif not is_balls(claimed) and not is_balls(expected):
        return compare_in_floats(claimed, expected, doubt, floor)
    return compare_in_balls(as_balls(claimed), as_balls(expected), doubt, floor)


BLOCK = 1024
"""Elements that are balls at one time: a number in balls takes fifty times the memory of a float."""


def _sum_along(claimed: Any, direction: np.ndarray) -> Any:
    """Σ claimed · direction in balls, of two flat arrays."""
    starts = range(0, max(claimed.size, 1), BLOCK)
    return sum((as_balls(claimed[k : k + BLOCK]) * direction[k : k + BLOCK]).sum() for k in starts)


def _contradicts(oracle: OracleReport, report: InputReport) -> bool:
    """Whether the oracle contradicts the verdict. An error within the oracle's own allowance is no contradiction."""
    if oracle.decides or report.undecided or oracle.agrees == report.right or not oracle.limit < 1:
        return False
    found = max((o.error for o in report.oracles if o.decides and not o.agrees), default=math.inf)
    return report.right or not found <= oracle.allowed


def contradictions_in(reports: list[InputReport]) -> list[str]:
    """Notes on oracles that contradict the verdict without deciding it."""
    found = []
    for name in dict.fromkeys(o.oracle for r in reports for o in r.oracles):
        differing = [r.name for r in reports for o in r.oracles if o.oracle == name and _contradicts(o, r)]
        if differing:
            found.append(
                f"{name} contradicts the deciding oracle for {', '.join(differing)}: a custom derivative rule, "
                "a stop_gradient or a kink in the function makes its derivative and its values differ"
            )
    return found
