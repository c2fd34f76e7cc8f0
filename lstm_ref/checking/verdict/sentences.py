"""Sentences of a report beside its verdict: what limits its digits, what is undecided, and what would decide it."""

from __future__ import annotations

import math

import numpy as np

from lstm_ref.checking.function.bits import says_inside
from lstm_ref.checking.problem import Problem
from lstm_ref.checking.report import InputReport
from lstm_ref.checking.verdict.allowances import Verdicts
from lstm_ref.checking.verdict.floor import least_bits
from lstm_ref.checking.verdict.judgement import contradictions_in
from lstm_ref.leaves import paths


def notes_on(problem: Problem, decisive: set[str], verdicts: Verdicts) -> tuple[str, ...]:
    """Notes on what limits the digits of a claim, and on oracles that contradict the deciding one."""
    reports = verdicts.reports
    return (
        *verdicts.remarks,
        *_on_constants(reports),
        *_on_precision(problem, decisive, verdicts),
        *contradictions_in(reports),
    )


def undecided_of(problem: Problem, verdicts: Verdicts) -> tuple[str, ...]:
    """Sentences on what is undecided about this claim, and on what this problem cannot decide about any claim."""
    return (*_blind(verdicts.reports), *_undecided(problem, verdicts.reports))


def _on_constants(reports: list[InputReport]) -> tuple[str, ...]:
    names = [r.name for r in reports if r.constants is not None]
    if not names:
        return ()
    least = min(r.constants for r in reports if r.constants is not None)
    return (
        f"right but for the rounding of constants, to {least:.0f} digits: {', '.join(names)}. Two floats in the code "
        "stand for one real number (such as 2/3 and a division by 3) and differ in their last bit, so no more digits "
        "can agree",
    )


def _on_precision(problem: Problem, decisive: set[str], verdicts: Verdicts) -> tuple[str, ...]:
    """A note if only values decide and they are less precise than their dtype: this limits the digits."""
    if "differences" not in decisive or verdicts.remarks:
        return ()
    inside = problem.forward.bits_inside
    return (says_inside("forward", problem.function, inside),) if inside < least_bits(problem) else ()


def _blind(reports: list[InputReport]) -> tuple[str, ...]:
    """For undecided inputs: the reason, and what would decide them."""
    if not any(r.elements for r in reports):
        return ("there is no element to compare: check a problem whose arrays are not empty",)
    return tuple(
        f"{r.name}: the allowance for rounding ({_allowed(r):.1g}) leaves no digit of the gradient to compare; "
        "scaled inputs or a scaled loss, a smaller problem, fewer steps or a more precise dtype would decide it"
        for r in reports
        if r.undecided
    )


def _allowed(report: InputReport) -> float:
    return max((o.allowed for o in report.oracles if o.decides), default=math.inf)


def _undecided(problem: Problem, reports: list[InputReport]) -> tuple[str, ...]:
    """Sentences on what this problem cannot decide, whatever the claim."""
    zero = [p for p, v in paths(problem.inputs).items() if p.split(".")[0] not in problem.nodes and not np.any(v)]
    found = [f"{p} is zero throughout, so a term that is multiplied by it cannot be seen" for p in zero]
    few = [
        f"{r.name}: {r.zeros} of {r.elements} elements have gradient zero here, so a missing term may not show"
        for r in reports
        if r.zeros and r.right and r.name.split(".")[0] not in problem.nodes
    ]
    return (*found, *few)
