"""Every oracle on functions with known derivatives, and the reason that each gives where it does not apply."""

import array
import importlib.util
import re
import sys
from contextlib import nullcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstm_ref import arithmetic, oracles
from lstm_ref.arithmetic.balls import Balls, as_balls, magnitudes, midpoints, precision
from lstm_ref.errors import CannotEvaluate
from lstm_ref.oracles import ORACLES
from lstm_ref.oracles.estimate import inner
from lstm_ref.strategies import values

EPS = np.finfo(np.float64).eps
DIGITS = 80

NAMES = list(ORACLES)

ALLOWED = {"balls": EPS, **dict.fromkeys(("complex", "reverse", "trace", "forward", "torch"), 20 * EPS)}
"""Relative to the largest element: a handful of float operations of up to 8 ulps each; of a ball, the last rounding.
`differences` is held to its own error estimate instead."""


def ask(name, function, inputs, cotangent):
    if name == "torch" and importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    return ORACLES[name](function, inputs, cotangent)


def floats(v):
    return midpoints(v) if isinstance(v, Balls) else np.asarray(v)


def assert_right(name, estimate, expected):
    """Each array within what this oracle may be off."""
    assert jax.tree.structure(estimate.gradients) == jax.tree.structure(expected)
    error = estimate.error if name == "differences" else estimate.gradients
    for found, right, doubt in zip(*map(jax.tree.leaves, (estimate.gradients, expected, error)), strict=True):
        right = np.asarray(right)
        assert found.shape == right.shape
        allowed = 10 * doubt if name == "differences" else ALLOWED[name] * np.abs(right).max(initial=1.0)
        assert (np.abs(floats(found) - right) <= allowed + EPS * np.abs(right)).all()


# ------------------------------------------------------------------------------------------- known derivatives

X, W, Z_BAR = values("ordinary", 1, (2, 3)), values("ordinary", 2, (3, 4)), values("ordinary", 3, (2, 4))


@pytest.mark.parametrize("name", NAMES)
def test_a_product_of_matrices_has_the_derivative_of_the_textbooks(name):
    """F1*"""
    found = ask(name, lambda v: v["x"] @ v["w"], {"x": X, "w": W}, Z_BAR)
    assert_right(name, found, {"x": Z_BAR @ W.T, "w": X.T @ Z_BAR})


@pytest.mark.parametrize("name", NAMES)
def test_elementary_functions_have_the_derivatives_of_the_textbooks(name):
    def function(x):
        return [arithmetic.tanh(x), arithmetic.sigmoid(x), arithmetic.exp(x), x * x * x]

    bars = [values("ordinary", k, X.shape) for k in range(4, 8)]
    t, s = np.tanh(X), 1 / (1 + np.exp(-X))
    expected = sum(b * d for b, d in zip(bars, (1 - t * t, s * (1 - s), np.exp(X), 3 * X * X), strict=True))
    assert_right(name, ask(name, function, X, bars), expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_has_the_cotangent_one_and_unused_inputs_the_gradient_zero(name):
    inputs = {"used": X, "unused": W, "empty": np.zeros((0, 2))}
    found = ask(name, lambda v: (v["used"] * v["used"]).sum(), inputs, 1.0)
    assert_right(name, found, {"used": 2 * X, "unused": 0 * W, "empty": np.zeros((0, 2))})


@pytest.mark.parametrize("name", NAMES)
def test_each_output_is_weighted_with_its_own_cotangent(name):
    """A zero cotangent hides an output, a random one does not."""
    found = ask(name, lambda x: {"a": x, "b": x * x}, X, {"a": 2 * np.ones_like(X), "b": np.zeros_like(X)})
    assert_right(name, found, 2 * np.ones_like(X))


@pytest.mark.parametrize("name", NAMES)
def test_an_oracle_leaves_the_inputs_as_they_were(name):
    inputs = {"x": X.copy()}
    ask(name, lambda v: arithmetic.tanh(v["x"]).sum(), inputs, 1.0)
    np.testing.assert_array_equal(inputs["x"], X)


@pytest.mark.parametrize("name", NAMES)
def test_an_oracle_leaves_jaxs_configuration_as_it_was(name):
    before = jax.config.jax_enable_x64
    ask(name, lambda x: (x * x).sum(), X, 1.0)
    assert jax.config.jax_enable_x64 == before


def test_the_weighted_sum_refuses_outputs_without_a_cotangent():
    with pytest.raises(ValueError, match="zip"):
        inner([X, X], [X])


# ----------------------------------------------------------------------------------------------- differences

COEFFICIENTS = st.lists(st.integers(-20, 20).map(lambda n: n / 10), min_size=4, max_size=4)


@given(COEFFICIENTS, st.floats(-3, 3), st.sampled_from(["jax", "numpy"]))
def test_the_error_that_differences_estimate_is_honest(coefficients, x, code):
    """No more than ten times what it says, over random functions: it is an estimate, not a bound."""
    a, b, c, d = coefficients
    library = jnp if code == "jax" else np
    found = oracles.differences(
        lambda x: (a * library.sin(3 * x) + b * x**4 + c * library.tanh(2 * x) + d * library.exp(x / 2)).sum(),
        np.array([x]),
        1.0,
    )
    expected = 3 * a * np.cos(3 * x) + 4 * b * x**3 + 2 * c * (1 - np.tanh(2 * x) ** 2) + d / 2 * np.exp(x / 2)
    terms = np.abs([3 * a, 4 * b * x**3, 2 * c, d / 2 * np.exp(x / 2)]).sum()  # `expected` is rounded itself
    assert abs(found.gradients[0] - expected) <= 10 * found.error[0] + 4 * EPS * terms


def test_the_error_that_differences_estimate_is_small_where_the_function_is_smooth():
    found = oracles.differences(lambda x: np.tanh(x).sum(), X, 1.0)
    assert (found.error < 1e-9).all()


def test_differences_take_float32_inputs_as_float64():
    found = oracles.differences(lambda x: (x * x).sum(), X.astype(np.float32), 1.0)
    np.testing.assert_allclose(found.gradients, 2 * X.astype(np.float32), atol=1e-10)


def test_the_error_that_differences_estimate_is_large_at_a_kink():
    found = oracles.differences(lambda x: abs(x).sum(), np.array([0.0, 2.0]), 1.0)
    assert found.at_kink
    assert found.error[0] > 1 > 1e-6 > found.error[1]
    beside = oracles.differences(lambda x: abs(x).sum(), np.array([1e-4, 2.0]), 1.0)  # a smaller step passes it by
    assert not beside.at_kink
    assert np.all(np.abs(beside.gradients - 1) <= beside.error)
    assert np.all(beside.error < 1e-6)


# ----------------------------------------------------------------------------------------------- complex step


def test_a_complex_step_is_right_to_the_last_digits_through_a_numpy_recurrence():
    def run(v):
        h = 0 * v["x"]
        for _ in range(6):
            h = np.tanh(h @ v["w"] + v["x"])
        return h

    w, bar = values("ordinary", 9, (3, 3)), values("ordinary", 10, X.shape)
    found = oracles.complex_step(run, {"x": X, "w": w}, bar).gradients
    truth = oracles.balls(run, {"x": X, "w": w}, bar).gradients
    for name, value in found.items():
        # Six steps, each of sums of three products and a tanh: some 20 roundings a step.
        assert np.abs(value - midpoints(truth[name])).max() <= 6 * 20 * EPS * magnitudes(truth[name]).max()


def cast_away(x):
    kept = np.zeros(x.shape)
    kept[:] = x * x
    return kept


@pytest.mark.parametrize(
    ("function", "cause"),
    [
        (cast_away, "casts the imaginary part away"),
        (lambda x: np.abs(np.sin(x)), "not analytic"),
        (lambda x: np.conj(x) * x, "not analytic"),
        (lambda x: np.real(x) ** 2, "not analytic"),
        (lambda x: np.array([float(v) for v in x.ravel()]), "casts the imaginary part away"),
        (lambda x: np.floor(x), "does not take complex numbers"),
    ],
    ids=["cast", "abs", "conj", "real", "float", "floor"],
)
def test_a_complex_step_says_why_it_cannot_be_trusted(function, cause):
    with pytest.raises(CannotEvaluate, match=cause):
        oracles.complex_step(function, X, np.ones(np.shape(function(X))))


# ------------------------------------------------------------------------------------------------------ balls


def test_balls_give_eighty_digits_of_a_known_derivative():
    with precision(DIGITS + 40):
        x = as_balls(X)
        expected = np.exp(x) * np.sin(x) + np.exp(x) * np.cos(x)
    for function in (lambda x: jnp.exp(x) * jnp.sin(x), lambda x: np.exp(x) * np.sin(x)):
        found = oracles.balls(function, X, np.ones_like(X), digits=DIGITS)
        with precision(DIGITS + 40):
            error = magnitudes(found.gradients - expected)
            assert (error <= magnitudes(found.error)).all()
            assert (error < 10.0**-78).all()


@given(st.integers(0, 999))
def test_the_error_that_balls_state_bounds_the_true_error(seed):
    x = values("ordinary", seed, (3,)) * 3
    found = oracles.balls(lambda x: np.tanh(2 * x) * x, x, np.ones(3), digits=40)
    with precision(100):
        b = as_balls(x)
        t = np.tanh(2 * b)
        error = magnitudes(found.gradients - (t + 2 * b * (1 - t * t)))
    assert (error <= magnitudes(found.error)).all()


RELUS = {"ours": arithmetic.relu, "jax": jax.nn.relu, "numpy": lambda x: np.maximum(x, 0)}
OTHERS = [pytest.param(abs, id="abs", marks=pytest.mark.xfail(strict=True, reason="|x| at 0 is not told from smooth"))]


@pytest.mark.parametrize("function", [*(pytest.param(f, id=name) for name, f in RELUS.items()), *OTHERS])
@pytest.mark.parametrize("bar", [1.0, -3.0])
def test_balls_say_when_a_kink_may_lie_exactly_here_and_only_then(function, bar):
    """R2*: relu's one-sided derivatives at 0 are 0 and 1, and the values decide for neither."""
    assert not oracles.balls(function, np.array([0.5, 2.0, -2.0]), bar * np.ones(3)).at_kink
    assert oracles.balls(function, np.array([0.5, 0.0, -2.0]), bar * np.ones(3)).at_kink


def test_balls_enter_no_branch_that_the_function_does_not():
    """Of a batch of points JAX would evaluate both."""

    def function(x):
        return jax.lax.cond(x[0] > 0, lambda v: v * v, lambda v: jnp.abs(v + 1j), x)

    found = oracles.balls(function, np.array([1.0, 2.0]), np.ones(2))
    np.testing.assert_array_equal(midpoints(found.gradients), [2.0, 4.0])


def test_balls_of_more_points_than_a_batch_are_those_of_every_point():
    x = values("ordinary", 11, (70,))
    found = oracles.balls(lambda x: jnp.tanh(x) * x, x, np.ones(70)).gradients
    alone = oracles.balls(lambda x: np.tanh(x) * x, x, np.ones(70)).gradients
    with precision(DIGITS + 40):
        assert (magnitudes(found - alone) < 10.0**-78).all()


def test_balls_refuse_a_function_that_is_not_finite():
    with pytest.raises(CannotEvaluate, match="not finite"):
        oracles.balls(lambda x: 1 / x, np.zeros(1), np.ones(1))


def test_balls_refuse_numpy_code_that_leaves_the_graph_and_name_the_line():
    def in_c(x):
        return np.array(array.array("d", x)) ** 2

    with pytest.raises(CannotEvaluate, match=rf"leaves the graph at {re.escape(__file__)}:\d+ \(in_c\)"):
        oracles.balls(in_c, np.ones(3), np.ones(3))


# ---------------------------------------------------------------------------------------------------- autodiff


@pytest.mark.parametrize("name", ["reverse", "forward"])
def test_autodiff_refuses_numpy_code(name):
    with pytest.raises(CannotEvaluate, match="not JAX code"):
        ORACLES[name](lambda x: np.tanh(x).sum(), X, 1.0)


def test_forward_mode_says_that_it_cannot_pass_a_custom_vjp():
    @jax.custom_vjp
    def function(x):
        return x * x

    function.defvjp(lambda x: (x * x, x), lambda x, bar: (2 * x * bar,))
    with pytest.raises(CannotEvaluate, match="no forward mode"):
        oracles.forward(function, X, np.ones_like(X))
    assert_right("reverse", oracles.reverse(function, X, np.ones_like(X)), 2 * X)


def test_torch_refuses_jax_code_or_says_that_it_is_not_installed():
    with pytest.raises(CannotEvaluate, match=r"does not take torch tensors|not installed"):
        oracles.torch_autograd(lambda x: jnp.tanh(x), X, np.ones_like(X))


def test_torch_that_is_missing_is_a_reason_to_skip_and_no_crash(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CannotEvaluate, match="torch is not installed"):
        oracles.torch_autograd(lambda x: x, X, np.ones_like(X))


REFUSED = {
    "a function of NumPy's": lambda x: 1 / (1 + np.exp(-(x @ W))),
    "a function of JAX's": lambda x: jnp.tanh(x @ W),
    "a scan": lambda x: jax.lax.scan(lambda h, v: (h, v), x[0], x)[0],
}
TAKEN = {
    "operators": lambda x: (x**0.5) @ x.T * abs(-x).sum(),
    "a method of arrays and of tensors": lambda x: x.std() * x,
    "a method of tensors": lambda x: x.exp(),
    "this package's functions": lambda x: arithmetic.tanh(arithmetic.exp(x)),
}


@pytest.mark.parametrize("name", [*REFUSED, *TAKEN])
def test_code_is_refused_before_torch_is_imported_only_if_it_refuses_tensors(name, monkeypatch):
    function, refused = (REFUSED | TAKEN)[name], pytest.raises(CannotEvaluate) if name in REFUSED else nullcontext()
    home, x = sys.modules[oracles.torch_autograd.__module__], np.abs(X)
    if importlib.util.find_spec("torch") is not None:
        with refused:
            home._outputs(function, home._tensor(x).requires_grad_(), laid_open=True)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(home, "_reverse", lambda *_, **__: ([], jax.tree.structure(())))
    monkeypatch.setattr(home, "_mode_difference", lambda *_: 0.0)
    with refused:
        oracles.torch_autograd(function, x, 1.0)


def test_a_wrong_derivative_is_told_from_a_right_one_by_every_oracle():
    """The helper of this file can fail."""
    wrong = {"x": Z_BAR @ W.T, "w": X.T @ Z_BAR * (1 + 1e-6)}
    for name in NAMES:
        found = ask(name, lambda v: v["x"] @ v["w"], {"x": X, "w": W}, Z_BAR)
        with pytest.raises(AssertionError):
            assert_right(name, found, wrong)


SADDLES = {
    "a saddle at its point": (lambda v: (jnp.array([1.0, -1.0]) * v["x"] ** 2).sum(), np.zeros(2), np.zeros(2)),
    "a saddle near it": (lambda v: (jnp.array([1.0, -1.0]) * v["x"] ** 2).sum(), np.full(2, 1e-90), [2e-90, -2e-90]),
    "a product": (lambda v: v["x"][0] * v["x"][1], np.zeros(2), np.zeros(2)),
    "the square of a difference": (lambda v: (v["x"][0] - v["x"][1]) ** 2, np.ones(2), np.zeros(2)),
    "a variance": (lambda v: v["x"].var(), np.ones(3), np.zeros(3)),
}


@pytest.mark.parametrize("name", SADDLES)
def test_balls_are_not_misled_where_the_gradient_is_zero_and_curvatures_have_both_signs(name):
    function, x, expected = SADDLES[name]
    given = oracles.balls(function, {"x": x}, np.ones(()))
    error = magnitudes(given.gradients["x"] - np.asarray(expected))
    assert np.all(error <= magnitudes(given.error["x"]))
    assert np.all(error < 1e-80)


def test_reverse_mode_says_that_it_cannot_pass_a_loop_of_changing_length():
    def function(x):
        return jax.lax.while_loop(lambda y: y.sum() < 5, lambda y: 2 * y, x)

    with pytest.raises(CannotEvaluate, match="no reverse mode"):
        oracles.reverse(function, np.array([1.0, 2.0]), np.ones(2))


def test_differences_see_a_callback_that_takes_no_batch():
    """And trace it a few times, not at every one of the hundreds of points."""
    traces = []

    def function(x):
        traces.append(0)
        shift = jax.pure_callback(lambda v: np.floor(v), jax.ShapeDtypeStruct((), x.dtype), x.sum())
        return (jnp.sin(x) * shift).sum()

    x = np.array([0.9, 1.3, 0.2])
    found = oracles.differences(function, x, np.array(1.0))
    assert np.max(np.abs(found.gradients - 2 * np.cos(x))) < 1e-8
    assert len(traces) <= 5
