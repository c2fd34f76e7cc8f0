"""A claim that nearly agrees with a forward that stops an iteration by its values gets a hint; no other does."""

from __future__ import annotations

import numpy as np
import pytest

from lstm_ref import check_gradients

INPUTS = {"a": np.array([2.0, 7.0, 0.3])}


def by_while(i, tolerance=1e-8):
    y, before = i["a"], np.zeros(3)
    while np.abs(y - before).max() > tolerance:
        y, before = np.cos(y) * i["a"] / 10, y
    return y


def by_break_in_the_inner_loop(i):
    for _ in range(1):
        y = i["a"]
        for _ in range(90):
            y, before = np.cos(y) * i["a"] / 10, y
            if np.abs(y - before).max() <= 1e-8:
                break
    return y


def by_return(i):
    y = i["a"]
    for _ in range(90):
        y, before = np.cos(y) * i["a"] / 10, y
        if np.abs(y - before).max() <= 1e-8:
            return y
    return y


def by_count(i):
    y = i["a"]
    n = 0
    while n < 24:
        y, n = np.cos(y) * i["a"] / 10, n + 1
    return y


def by_a_branch(i):
    y = i["a"]
    for _ in range(24):
        y = np.cos(y) * i["a"] / 10
        if y.sum() < 0:  # decides which code runs, and ends no loop
            y = -y
    return y


def implicit(forward, factor=1.0):
    """The backward pass by the implicit function theorem; `factor` is in one of its terms."""

    def backward(i, bar):
        y, a = forward(i), i["a"]
        return {"a": bar * np.cos(y) / 10 / (1 + factor * np.sin(y) * a / 10)}

    return backward


def report_on(forward, factor=1.0):
    return check_gradients(INPUTS, forward=forward, backward=implicit(forward, factor), oracles=["balls"])


def hints(report):
    return [f for f in report.findings if f.kind == "iteration"]


LOOPS = {by_while: 2, by_break_in_the_inner_loop: 3, by_return: 2}
"""By forward, the line of its loop, counted from its `def`."""


@pytest.mark.parametrize("forward", LOOPS, ids=lambda f: f.__name__)
def test_the_loop_that_values_end_is_named_and_the_claim_stays_wrong(forward):
    report = report_on(forward)
    assert report.verdict == "wrong"
    (hint,) = hints(report)
    assert report.findings[0] == hint
    assert not hint.exact
    line = forward.__code__.co_firstlineno + LOOPS[forward]
    assert f"when the loop at test_gradients_iteration.py:{line} ends" in hint.sentence
    digits = min(one.digits_in_floats for one in report.inputs)
    assert f"agrees to {int(digits)} digits" in hint.sentence
    assert 5 <= digits <= 13


@pytest.mark.parametrize("forward", [by_count, by_a_branch], ids=lambda f: f.__name__)
def test_a_loop_that_counts_and_a_branch_that_ends_none_get_no_hint(forward):
    report = report_on(forward)
    assert report.verdict == "wrong"
    assert min(one.digits_in_floats for one in report.inputs) > 5
    assert not hints(report)


def test_an_ordinary_mistake_gets_no_hint():
    report = report_on(by_while, factor=0.5)
    assert report.verdict == "wrong"
    assert not hints(report)


def test_an_iteration_to_convergence_is_right():
    assert report_on(lambda i: by_while(i, 1e-16)).right
