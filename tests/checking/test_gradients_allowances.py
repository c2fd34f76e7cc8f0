"""Allowances beyond the floor: the rounding of constants is excused, errors beside it are not; and the report per
leaf."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstm_ref import check_gradients
from lstm_ref.arithmetic.balls import as_balls, is_balls
from lstm_ref.checking.checker import check
from lstm_ref.checking.problem import problem
from lstm_ref.checking.verdict import allowances
from lstm_ref.leaves import paths
from lstm_ref.oracles import ORACLES

X = np.array([0.5, -1.5, 0.3])
FEW = {"x": X}
MANY = {"x": np.random.default_rng(0).standard_normal(1200)}


def mean_of(module: Any, factor: float = 1.0) -> Any:
    """The mean of sin²: divided by N in the loss, multiplied by 2/N in the claim, which rounds otherwise."""
    loss = lambda i: (module.sin(i["x"]) ** 2).mean()  # noqa: E731
    claim = lambda i: {"x": 2 / i["x"].size * factor * module.sin(i["x"]) * module.cos(i["x"])}  # noqa: E731
    return {"loss": loss, "gradients": claim}


def constant_in_both(relative: float) -> Any:
    """0.1 is rounded alike on both sides; in balls alone the claim is off by a relative error."""

    def gradients(i: Any) -> Any:
        x = i["x"]
        off = 1 + as_balls(10.0) ** int(np.log10(relative)) if is_balls(x) and relative else 1.0
        return {"x": 2 * np.sin(x) * np.cos(x) * 0.1 * off}

    return {"loss": lambda i: (np.sin(i["x"]) ** 2).sum() * 0.1, "gradients": gradients}


# ------------------------------------------------------------------------------------------ the rounding of constants


@pytest.mark.parametrize("inputs", [FEW, MANY], ids=["every element", "along directions"])
@pytest.mark.parametrize("module", [np, jnp], ids=["NumPy", "JAX"])
def test_two_floats_that_stand_for_one_number_are_no_mistake_and_the_report_says_to_how_many_digits(module, inputs):
    report = check_gradients(inputs, **mean_of(module))
    assert report.verdict == "exact gradient"
    assert 15.5 < report.inputs[0].constants < 18
    assert any("right but for the rounding of constants, to 16 digits: x" in note for note in report.notes)


@pytest.mark.parametrize("module", [np, jnp], ids=["NumPy", "JAX"])
def test_code_without_constants_is_not_asked_how_its_error_moves_with_them(module, monkeypatch):
    monkeypatch.setattr(allowances, "_difference", lambda *_: pytest.fail("asked"))
    claim = lambda i: {"x": module.cos(i["x"]) + 2.0**-30 * i["x"]}  # noqa: E731
    report = check_gradients(FEW, loss=lambda i: module.sin(i["x"]).sum(), gradients=claim)
    assert report.verdict == "wrong"


@pytest.mark.parametrize("inputs", [FEW, MANY], ids=["every element", "along directions"])
@pytest.mark.parametrize("module", [np, jnp], ids=["NumPy", "JAX"])
@pytest.mark.parametrize("off", [1e-6, 1e-9, -1e-12, 1e-14])
def test_an_error_that_no_constant_explains_is_wrong_beside_rounded_ones(module, inputs, off):
    report = check_gradients(inputs, **mean_of(module, 1 + off))
    assert report.verdict == "wrong"
    assert not report.inputs[0].right
    assert report.inputs[0].constants is None
    assert report.notes == ()  # no oracle that is less sharp is called a contradiction


def test_an_error_of_one_element_is_wrong_beside_constants_that_are_rounded_in_all():
    def gradients(i: Any) -> Any:
        return {"x": 2 / 3 * i["x"] * np.array([1.0, 1 + 1e-13, 1.0])}

    report = check_gradients(FEW, loss=lambda i: (i["x"] ** 2).mean(), gradients=gradients)
    assert (report.verdict, report.inputs[0].wrong_elements) == ("wrong", 1)
    assert report.inputs[0].oracles[0].worst == (1,)


def test_the_rounding_of_a_constant_in_one_gradient_excuses_no_other():
    inputs = {"a": X, "b": X + 2}
    loss = lambda i: (np.sin(i["a"])).sum() / 0.7 + np.sin(i["b"]).sum()  # noqa: E731

    def claim(off: float) -> Any:
        return lambda i: {"a": np.cos(i["a"]) * (1 / 0.7), "b": np.cos(i["b"]) * (1 + off)}

    right = check_gradients(inputs, loss=loss, gradients=claim(0.0))
    assert [i.constants is None for i in right.inputs] == [False, True]
    assert right.inputs[1].digits_in_balls >= 75
    wrong = check_gradients(inputs, loss=loss, gradients=claim(1e-13))
    assert [i.right for i in wrong.inputs] == [True, False]


@pytest.mark.parametrize("relative", [1e-30, 1e-60])
@pytest.mark.parametrize("inputs", [FEW, {"x": MANY["x"][:40]}])
def test_an_error_of_1e_30_in_balls_is_found_where_constants_are_that_are_rounded_alike(relative, inputs):
    right = check_gradients(inputs, **constant_in_both(0.0))
    assert (right.verdict, right.inputs[0].constants) == ("exact gradient", None)
    assert right.digits_in_balls >= 75
    report = check_gradients(inputs, **constant_in_both(relative))
    assert report.verdict == "wrong"
    np.testing.assert_allclose(report.digits_in_balls, -np.log10(relative), atol=1)


@pytest.mark.parametrize("constant", [0.1, np.float32(0.1), np.full(3, 0.1, np.float32)], ids=["64", "32", "32s"])
@pytest.mark.parametrize("off, right", [(0.0, True), (1e-6, False)])
def test_constants_of_float32_stand_for_what_they_were_rounded_from(constant, off, right):
    report = check_gradients(
        FEW,
        loss=lambda i: np.sum(np.sin(i["x"]) * np.float32(0.1)),
        gradients=lambda i: {"x": np.cos(i["x"]) * constant * (1 + off)},
    )
    assert report.right is right
    if right:
        digits = report.inputs[0].constants
        assert digits is None if isinstance(constant, (np.float32, np.ndarray)) else 7 < digits < 9


@pytest.mark.parametrize("off, right", [(0.0, True), (1e-4, False)])
def test_float32_code_with_rounded_constants_is_judged_as_float32(off, right):
    inputs = {"x": X.astype(np.float32)}
    report = check_gradients(inputs, **mean_of(jnp, 1 + off))
    assert report.right is right


# --------------------------------------------------------------------------------- every leaf of the inputs has a line

names = st.text("abc", min_size=1, max_size=2)
leaves = st.integers(0, 3).map(lambda n: np.linspace(0.5, 1.5, n) if n else np.array(0.7))
trees = st.recursive(
    leaves,
    lambda children: st.one_of(
        st.dictionaries(names, children, max_size=3),
        st.lists(children, max_size=3),
        st.lists(children, min_size=1, max_size=2).map(tuple),
    ),
    max_leaves=6,
)


@st.composite
def partial_claims(draw: Any) -> tuple[dict[str, Any], set[str], set[str]]:
    """Inputs, the paths for which a gradient is claimed, and those whose gradient is wrong."""
    inputs = draw(st.dictionaries(names, trees, min_size=1, max_size=3).filter(lambda d: bool(paths(d))))
    known = sorted(paths(inputs))
    claimed = draw(st.sets(st.sampled_from(known), min_size=1))
    return inputs, claimed, draw(st.sets(st.sampled_from(sorted(claimed))))


def partial(tree: Any, keep: set[str], wrong: set[str], prefix: str = "") -> Any:
    """The gradient of Σ sin with the leaves that are claimed, by path: of a list, a dict of some places."""
    if isinstance(tree, (dict, list, tuple)):
        places = tree.items() if isinstance(tree, dict) else enumerate(tree)
        parts = {str(k): partial(v, keep, wrong, f"{prefix}{k}.") for k, v in places}
        return {k: v for k, v in parts.items() if v is not None}
    path = prefix[:-1]
    return None if path not in keep else np.cos(tree) * (2.0 if path in wrong else 1.0)


@settings(max_examples=12)
@given(partial_claims())
def test_every_leaf_of_the_inputs_is_right_or_wrong_or_unchecked(case):
    inputs, claimed, wrong = case

    def loss(i: Any) -> Any:
        return sum((np.sin(v).sum() for v in jax.tree.leaves(i)), 0.0)

    report = check_gradients(inputs, loss=loss, gradients=lambda i: partial(i, claimed, wrong))
    lines, unchecked = [i.name for i in report.inputs], list(report.unchecked)
    assert set(lines) == claimed
    assert sorted(lines + unchecked) == sorted(paths(inputs))  # each once
    assert {i.name for i in report.inputs if not i.right} == wrong
    assert report.verdict == ("wrong" if wrong else "exact gradient")


def broken(*_: Any, **__: Any) -> Any:
    return None + 1  # type: ignore[operator]


broken.__code__ = broken.__code__.replace(co_filename=allowances.__file__)  # as if it were ours


def test_a_defect_of_an_oracle_is_not_hidden_as_the_authors_error(monkeypatch):
    monkeypatch.setitem(ORACLES, "complex_step", broken)
    skipped = dict(check_gradients(FEW, **mean_of(np)).skipped)
    assert skipped["complex_step"].startswith("this is a defect of lstm_ref, please report it: TypeError")
    monkeypatch.setitem(ORACLES, "complex_step", lambda *_: None + 1)
    skipped = dict(check_gradients(FEW, **mean_of(np)).skipped)
    assert skipped["complex_step"].startswith("the function fails in float64: TypeError")


def test_a_defect_of_ours_is_not_hidden_as_the_authors_error(monkeypatch):
    monkeypatch.setattr(allowances, "_constants_explain", broken)
    report = check_gradients(FEW, **mean_of(np))
    assert report.verdict == "wrong"
    assert any(note.startswith("this is a defect of lstm_ref, please report it: TypeError") for note in report.notes)


MOST_RUNS = 30
"""Runs of a claim for its verdict; to measure its precision alone takes 90."""


def test_the_precision_of_a_claim_whose_equations_are_wrong_is_not_measured():
    runs = []

    def gradients(i: Any) -> Any:
        runs.append(1)
        return {"x": np.cos(i["x"]) * i["x"]}

    claim = problem(FEW, loss=lambda i: np.sin(i["x"]).sum(), gradients=gradients)
    report = check(claim, explain=False)
    assert report.verdict == "wrong"
    assert len(runs) < MOST_RUNS


def test_float32_inside_excuses_no_equation_that_is_wrong_beside_it():
    def gradients(i: Any) -> Any:
        half = jnp.cos(i["x"]).astype(jnp.float32).astype(i["x"].dtype)
        return {"x": half, "y": 2 * i["y"]}

    both = {"x": X, "y": X}
    report = check_gradients(both, loss=lambda i: jnp.sin(i["x"]).sum() + (i["y"] ** 3).sum(), gradients=gradients)
    assert {one.name: one.right for one in report.inputs} == {"x": True, "y": False}
