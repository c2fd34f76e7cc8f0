"""For test suites: an assertion whose failure is the readable report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lstm_ref.checking import Report, check_gradients
from lstm_ref.checking.problem import Problem
from lstm_ref.checking.report import UNDECIDED
from lstm_ref.reporting import words
from lstm_ref.reporting.terminal import as_text


class NotRight(AssertionError):
    """A claim that is not right; `report` says why, and so does the message."""

    def __init__(self, report: Report) -> None:
        super().__init__("\n" + self._before(report) + as_text(report))
        self.report = report

    def _before(self, report: Report) -> str:
        return ""


class WrongGradient(NotRight):
    """A hand-written gradient is wrong: where, and by how much."""


class UndecidedGradient(NotRight):
    """A hand-written gradient of which nothing could be decided: it is not known to be wrong, and not to be right."""

    def _before(self, report: Report) -> str:
        return words.not_decided(report) + "\n\n"


def failure(report: Report) -> NotRight:
    """The error that a report on a claim that is not right is told by."""
    return (UndecidedGradient if report.verdict == UNDECIDED else WrongGradient)(report)


def assert_gradients(inputs: Mapping[str, Any] | Problem, **claim: Any) -> Report:
    """`check_gradients` with the same arguments; returns the report of a claim that is right. Raises WrongGradient, and
    UndecidedGradient where the problem decides nothing."""
    __tracebackhide__ = True
    report = check_gradients(inputs, **claim)
    if not report.right:
        raise failure(report)
    return report
