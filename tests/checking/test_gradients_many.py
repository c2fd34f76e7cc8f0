"""Many inputs are judged in one pass, and no question about a function is asked twice."""

import gc
import weakref

import numpy as np

import lstm_ref.checking.claim.evaluate as claim_home
import lstm_ref.checking.diagnosis.easier as easier
from lstm_ref.arithmetic.traceable import is_traceable, why_untraceable
from lstm_ref.checking import check, problem
from lstm_ref.checking.report import EXACT, WRONG
from lstm_ref.reporting.terminal import as_text


def _sum(n, wrong=()):
    inputs = {f"k{k}": np.ones(1) for k in range(n)}
    return problem(
        inputs,
        loss=lambda i: sum(v.sum() for v in i.values()),
        gradients=lambda i: {k: np.full(1, 2.0 if k in wrong else 1.0) for k in i},
    )


def test_gradients_of_many_inputs_are_looked_up_as_often_as_those_of_few(monkeypatch):
    counts = []
    for n in (1100, 1200):
        calls = []
        monkeypatch.setattr(claim_home, "paths", lambda tree, calls=calls: calls.append(0) or easier.paths(tree))
        assert check(_sum(n)).verdict == EXACT
        counts.append(len(calls))
    assert counts[0] == counts[1]


def test_gradients_of_many_inputs_are_wrong_where_one_is_and_it_is_shown():
    report = check(_sum(1100, wrong={"k900"}), explain=False)
    assert report.verdict == WRONG
    assert [i.name for i in report.inputs if not i.right] == ["k900"]
    text = as_text(report)
    assert "k900" in text
    assert "and 1,079 more, all right" in text
    assert len(report.as_dict()["inputs"]) == 1100


def test_gradients_easier_problems_of_many_inputs_are_a_few_and_that_is_said():
    n, checks = 60, []
    asked = _sum(n, wrong={"k3"})
    wrong = {f"k{k}": np.array([k == 3]) for k in range(n)}

    def counted(other):
        checks.append(0)
        return check(other, oracles=["reverse"], explain=False)

    found = list(easier.when_right(asked, wrong, counted))
    assert len(checks) == easier.MANY_INPUTS
    assert any(f.kind == "not searched" and "24 of 60" in f.sentence for f in found)


def test_gradients_a_function_is_traced_once_for_its_shapes_and_is_not_kept_alive():
    calls = []

    def floats_alone(x):
        calls.append(0)
        return float(x)

    assert not is_traceable(floats_alone, np.ones(()))
    assert why_untraceable(floats_alone, np.ones(())).is_type_error
    assert len(calls) == 1
    is_traceable(floats_alone, np.ones(2))
    assert len(calls) == 2
    seen = weakref.ref(floats_alone)
    del floats_alone
    gc.collect()
    assert seen() is None
