"""For test suites: an assertion whose failure is the readable report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lstm_ref.checking import Report, check_gradients
from lstm_ref.checking.problem import Problem
from lstm_ref.reporting.terminal import as_text


class WrongGradient(AssertionError):
    """A hand-written gradient is wrong; `report` says where and by how much, and so does the message."""

    def __init__(self, report: Report) -> None:
        super().__init__("\n" + as_text(report))
        self.report = report


def assert_gradients(inputs: Mapping[str, Any] | Problem, **claim: Any) -> Report:
    """`check_gradients` with the same arguments; raises WrongGradient unless the claim is right. Returns the report."""
    __tracebackhide__ = True
    report = check_gradients(inputs, **claim)
    if not report.right:
        raise WrongGradient(report)
    return report
