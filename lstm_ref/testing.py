"""For test suites: an assertion that fails with the readable report."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ParamSpec

from lstm_ref.checking import Report, check_gradients
from lstm_ref.checking.report import UNDECIDED
from lstm_ref.reporting import words
from lstm_ref.reporting.terminal import as_text


class NotRight(AssertionError):
    """A claimed gradient is not right. The message, and the `report` in more detail, say why."""

    def __init__(self, report: Report) -> None:
        super().__init__("\n" + self._text(report))
        self.report = report

    def _text(self, report: Report) -> str:
        return as_text(report)


class WrongGradient(NotRight):
    """A hand-written gradient is wrong. The message says where, and by how much."""


class UndecidedGradient(NotRight):
    """It could not be decided whether a hand-written gradient is right or wrong. The message says what would decide
    it."""

    def _text(self, report: Report) -> str:
        return f"{words.not_decided(report)}\n\n{as_text(replace(report, undecided=()))}"  # each reason once


def failure(report: Report) -> NotRight:
    """The error for a report on a claim that is not right."""
    return (UndecidedGradient if report.verdict == UNDECIDED else WrongGradient)(report)


Arguments = ParamSpec("Arguments")


def _typed_as(
    check: Callable[Arguments, Report],
) -> Callable[[Callable[..., Report]], Callable[Arguments, Report]]:
    """Gives a function the signature of `check`: a misspelt keyword is then an error before anything runs, and help and
    editors show every keyword."""

    def typed(function: Callable[..., Report]) -> Callable[Arguments, Report]:
        function.__signature__ = inspect.signature(check)  # type: ignore[attr-defined]
        return function

    return typed


@_typed_as(check_gradients)
def assert_gradients(inputs: Any, **claim: Any) -> Report:
    """Asserts that hand-written gradients are right.

    Args:
        inputs: As in `check_gradients`: named float arrays, a function that draws them, or a `Problem`.
        **claim: The other arguments of `check_gradients`, such as `loss` and `gradients`.

    Returns:
        The report, if the claim is right.

    Raises:
        WrongGradient: A gradient is wrong.
        UndecidedGradient: The problem does not decide whether the gradients are right.

    Example:
        >>> import numpy as np
        >>> inputs = {"w": np.array([0.5, -1.5])}
        >>> loss = lambda i: (i["w"] ** 3).sum()
        >>> assert_gradients(inputs, loss=loss, gradients=lambda i: {"w": 3 * i["w"] ** 2}).right
        True
    """
    __tracebackhide__ = True
    report = check_gradients(inputs, **claim)
    if not report.right:
        raise failure(report)
    return report
