"""The detection limit that a report states is true: an error just above it is found, one well below is not."""

from __future__ import annotations

import array
from dataclasses import replace

import numpy as np
import pytest

from lstm_ref import check_gradients
from lstm_ref.arithmetic.balls import is_balls
from lstm_ref.cells import CELLS
from lstm_ref.checking.checker import check
from lstm_ref.selfcheck import builtin

T, B, D, H = 30, 2, 3, 4


def floats_only(problem):
    """The same claim as code that refuses whatever is no float: it can be judged by its numbers alone."""

    def gradients(inputs, bar):
        if is_balls(inputs["xs"]) or inputs["xs"].dtype == object:
            raise TypeError("floats only")
        xs = np.reshape(array.array("d", np.ravel(inputs["xs"])), inputs["xs"].shape)  # nor a graph
        return problem.gradients(inputs | {"xs": xs}, bar)

    return replace(problem, gradients=gradients)


@pytest.mark.parametrize("opaque", [False, True], ids=["equations", "floats only"])
def test_an_error_of_three_limits_in_any_one_element_is_seen_and_a_hundredth_is_not(opaque):
    right = builtin.through_time(CELLS["lstm"], np.random.default_rng(0))
    right = floats_only(right) if opaque else right
    report = check(right, oracles=["balls"])
    limits = {i.name: i.limit_in_floats for i in report.inputs}
    assert max(limits.values()) < 1e-8

    def off_by(part, index):
        def gradients(inputs, bar):
            given = right.gradients(inputs, bar)
            if is_balls(inputs["xs"]):
                return given  # the equations are right; the numbers are not
            b = given["params"].b.copy()
            b[index] *= 1 + part
            return given | {"params": given["params"]._replace(b=b)}

        return check(replace(right, gradients=gradients), oracles=["balls"], explain=False).right

    for index in range(0, 16, 5):
        assert not off_by(3 * limits["params.b"], index)
    assert off_by(0.01 * limits["params.b"], 0)


def test_the_limit_in_balls_is_that_of_the_equations():
    report = check(builtin.through_time(CELLS["lstm"], np.random.default_rng(0)), oracles=["balls"])
    assert all(i.limit_in_balls < 1e-70 for i in report.inputs)


@pytest.mark.parametrize("opaque", [False, True], ids=["equations", "floats only"])
@pytest.mark.parametrize("k", [12, 20, 29])
def test_a_cut_where_the_gradient_has_nearly_vanished_is_found(k, opaque):
    """Forget bias 0, 30 steps: what the cut leaves out is a billionth of the whole."""
    from benchmarks.mutation import _cut

    problem = floats_only(_cut(k)) if opaque else _cut(k)
    report = check(problem, oracles=["complex"], explain=False)
    assert not report.right


def test_elements_that_are_truly_zero_are_counted():
    """The last row of w is multiplied by an input that is zero."""
    x = np.array([[1.0, 2.0, 0.0]])
    report = check_gradients(
        {"w": np.array([0.5, -0.3, 0.2])},
        loss=lambda inputs: ((x @ inputs["w"]) ** 2).sum(),
        gradients=lambda inputs: {"w": x.T @ (2 * (x @ inputs["w"]))},
        oracles=["balls"],
    )
    assert report.right
    assert report.inputs[0].zeros == 1
    assert any("w: 1 of 3" in sentence for sentence in report.undecided)


def test_an_initial_state_that_is_zero_is_named_as_what_hides_a_term():
    report = check_gradients(
        {"w": np.array([0.5, -0.3]), "h0": np.zeros(2)},
        loss=lambda inputs: ((inputs["w"] * inputs["h0"] + inputs["w"]) ** 2).sum(),
        gradients=lambda inputs: {"w": 2 * inputs["w"] * (1 + inputs["h0"]) ** 2},
        oracles=["balls"],
    )
    assert any(s.startswith("h0 is zero throughout") for s in report.undecided)
