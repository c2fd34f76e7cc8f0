"""The elementary functions in every arithmetic, against a ball of 60 digits.

The allowed error of a float is derived, in units of eps·|truth|. A library function may be off by LIBRARY of them
(checking.verdict.floor says which one needs so many). A function composed of several operations adds their errors, each
relative to its own result; since no terms of opposite sign are added, only the factors named at `ALLOWED` magnify them.
"""

import importlib.util

import jax.numpy as jnp
import numpy as np
import pytest
from flint import arb

from lstm_ref import arithmetic
from lstm_ref.arithmetic.balls import Balls, as_balls, midpoints, precision, radii
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.checking.verdict.floor import LIBRARY_BITS
from lstm_ref.strategies import values

LIBRARY = 2**LIBRARY_BITS
EPS, TINY = np.finfo(np.float64).eps, np.finfo(np.float64).tiny
DIGITS = 60

POINTS = np.concatenate(
    [
        values("ordinary", 1, (50,)) * 8,
        values("tiny", 2, (20,)),
        [0.0, -0.0, 1e4, -1e4, 1e-300, -1e-300, 1.0, -1.0, 21.0, -21.0, 36.7, -36.7, 700.0, -700.0],
    ]
)
POSITIVE = np.abs(POINTS[POINTS != 0])
FINITE_EXP = POINTS[POINTS < 705]


def truth_of(name, x):
    """By another formula than the code's, where there is one."""
    return {
        "exp": lambda: x.exp(),
        "log": lambda: x.log(),
        "tanh": lambda: 1 - 2 / ((2 * x).exp() + 1),
        "sigmoid": lambda: (1 + (x / 2).tanh()) / 2,
        "relu": lambda: x if x > 0 else arb(0),
        "step": lambda: arb(int(x > 0)),
        "softplus": lambda: (1 + x.exp()).log(),
        "log_sigmoid": lambda: -(1 + (-x).exp()).log(),
    }[name]()


def derivative_of(name, x):
    s, t = 1 / (1 + (-x).exp()), x.tanh()
    return {
        "exp": lambda: x.exp(),
        "log": lambda: 1 / x,
        "tanh": lambda: 1 - t * t,
        "sigmoid": lambda: s * (1 - s),
        "relu": lambda: arb(int(x > 0)),
        "softplus": lambda: s,
        "log_sigmoid": lambda: 1 - s,
    }[name]()


ALLOWED = {
    "exp": LIBRARY,
    "log": LIBRARY,
    "tanh": LIBRARY,
    # d / (1 + d) with d = e^-|x|: d's error counts once at most, then a sum and a quotient.
    "sigmoid": LIBRARY + 2,
    "relu": 0,
    "step": 0,
    # relu(x) + log1p(d): log1p passes d's relative error on, not magnified, and adds its own; then a sum.
    "softplus": 2 * LIBRARY + 1,
    "log_sigmoid": 2 * LIBRARY + 1,
}

WHERE = {"log": POSITIVE, "exp": FINITE_EXP}

each_function = pytest.mark.parametrize("name", ALLOWED)


def in_numpy(f, x):
    return f(x)


def in_jax(f, x):
    with x64():
        return np.asarray(f(jnp.asarray(x)))


def in_torch(f, x):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    import torch

    return f(torch.from_numpy(np.array(x))).numpy()


FLOATS = {"numpy": in_numpy, "jax": in_jax, "torch": in_torch}
in_floats = pytest.mark.parametrize("compute", FLOATS.values(), ids=FLOATS)


def exact(formula, name, x):
    with precision(4400 + DIGITS):  # 1 + e^-1e4 needs 4343 digits before it differs from 1
        return np.array([float(formula(name, arb(float(v)))) for v in x])


@each_function
@in_floats
def test_floats_agree_with_the_truth_to_the_ulps_that_their_operations_cost(name, compute):
    x = WHERE.get(name, POINTS)
    found, expected = compute(getattr(arithmetic, name), x), exact(truth_of, name, x)
    assert found.dtype == np.float64
    error = np.abs(found - expected)
    assert (error <= ALLOWED[name] * EPS * np.abs(expected) + TINY).all(), (x[error.argmax()], error.max())


@each_function
def test_balls_contain_the_truth_and_know_sixty_digits_of_it(name):
    x = WHERE.get(name, POINTS)
    with precision(4400 + DIGITS):
        found = getattr(arithmetic, name)(as_balls(x))
        for ball, value in zip(found, x, strict=True):
            expected = truth_of(name, arb(float(value)))
            assert ball.real.overlaps(expected)
            assert abs(ball.real - expected).abs_upper() <= arb(10) ** -DIGITS * abs(expected)


@pytest.mark.parametrize("name", [n for n in ALLOWED if n != "step"])
def test_a_complex_step_gives_the_derivative(name):
    x = WHERE.get(name, POINTS)
    x = x[np.abs(x) > 1e-100] if name in ("relu", "log") else x  # a kink, and a pole nearer than the step
    found = getattr(arithmetic, name)(x + 1e-200j).imag / 1e-200
    expected = exact(derivative_of, name, x)
    # A product or two more than the value takes; relative to 1 where the function saturates: its complex library
    # function computes 1 - y² in floats.
    allowed = (2 * LIBRARY + ALLOWED[name]) * EPS * np.maximum(1, np.abs(expected))
    wrong = ~(np.abs(found - expected) <= allowed)
    assert not wrong.any(), (x[wrong], found[wrong], expected[wrong])


def rows():
    """Ordinary rows, equal ones, and rows of a wide range."""
    ordinary = values("ordinary", 1, (5,))
    return np.stack([ordinary, np.zeros(5), [1e4, -1e4, 0, 5, 9999], [-1e4, -1e4, -9990, -9999, -1e4]])


@in_floats
def test_softmax_agrees_with_the_truth(compute):
    x = rows()
    found = compute(arithmetic.softmax, x)
    with precision(9000):
        expected = midpoints(np.array([[1 / sum((w - v).exp() for w in row) for v in row] for row in as_balls(x)]))
    spread = x.max(-1, keepdims=True) - x
    # e^(x - max), in numerator and in the sum of K: LIBRARY each, and the rounding of x - max, magnified by |x - max|
    # (in the sum by r e^-r < 1); K sums and a quotient.
    allowed = (2 * LIBRARY + spread + 1 + x.shape[-1] + 1) * EPS * expected + TINY
    assert (np.abs(found - expected) <= allowed).all()


@in_floats
def test_logsumexp_agrees_with_the_truth(compute):
    x = rows()
    K, shift = x.shape[-1], x.max(-1)
    found = compute(arithmetic.logsumexp, x)
    with precision(9000):
        expected = midpoints(np.array([sum(v.exp() for v in row).log() for row in as_balls(x)]))
    # log Σ e^(x - max) lies in [0, log K]: LIBRARY of the sum's terms, its K roundings, the log's own; then the shift
    # is added, which may cancel it: so relative to the terms, not to the result.
    allowed = ((LIBRARY + 1 + K) + LIBRARY * np.log(K) + np.abs(shift)) * EPS
    assert (np.abs(found - expected) <= allowed).all()


@pytest.mark.parametrize("name", ["softmax", "logsumexp"])
@pytest.mark.parametrize("axis", [0, 1, -1])
@in_floats
def test_reductions_take_any_axis(name, axis, compute):
    x = values("ordinary", 3, (3, 4))
    f = getattr(arithmetic, name)
    along_last = f(np.moveaxis(x, axis, -1))
    expected = np.moveaxis(along_last, -1, axis) if name == "softmax" else along_last
    np.testing.assert_allclose(compute(lambda x: f(x, axis), x), expected, rtol=(2 * LIBRARY + 4) * EPS * 4)
    np.testing.assert_allclose(midpoints(f(as_balls(x), axis)), expected, rtol=(2 * LIBRARY + 4) * EPS * 4)


@pytest.mark.parametrize("name", [*ALLOWED, "softmax", "logsumexp"])
@in_floats
def test_float32_stays_float32(name, compute):
    x = np.abs(values("ordinary", 1, (4,), np.float32))
    found = compute(getattr(arithmetic, name), x)
    assert found.dtype == np.float32
    expected = getattr(arithmetic, name)(x.astype(np.float64))
    np.testing.assert_allclose(found, expected, rtol=(2 * LIBRARY + 8) * np.finfo(np.float32).eps)


@in_floats
def test_relu_has_the_subgradient_zero_at_zero_of_either_sign(compute):
    """R2*"""
    zeros = np.array([0.0, -0.0])
    assert (compute(arithmetic.relu, zeros) == 0).all()
    assert (compute(arithmetic.step, zeros) == 0).all()
    assert (midpoints(arithmetic.step(as_balls(zeros))) == 0).all()
    assert (arithmetic.relu(zeros + 1e-200j).imag == 0).all()


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "step", "softplus", "log_sigmoid"])
@in_floats
def test_nothing_overflows_or_warns_at_ten_thousand(name, compute):
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(compute(getattr(arithmetic, name), np.array([1e4, -1e4]))).all()


def test_python_numbers_are_taken_as_numpy_ones():
    assert arithmetic.tanh(0.5) == np.tanh(0.5)
    assert arithmetic.relu(-2) == 0
    assert arithmetic.exp(1j) == np.exp(1j)


def test_where_concatenate_and_stack_follow_the_arrays_whatever_stands_first():
    condition, x = np.array([True, False]), np.array([1.0, 2.0])
    for y in (x, jnp.asarray(x), as_balls(x)):
        floats = midpoints if isinstance(y, Balls) else np.asarray
        for found, expected in (
            (arithmetic.where(condition, 0, y), [0, 2]),
            (arithmetic.where(condition, y, 0), [1, 0]),
            (arithmetic.concatenate((x, y)), [1, 2, 1, 2]),
            (arithmetic.stack((y, y), axis=1), [[1, 1], [2, 2]]),
        ):
            assert type(found) is type(y)
            np.testing.assert_array_equal(floats(found), expected)


def test_where_concatenate_and_stack_work_on_torch_tensors():
    torch = pytest.importorskip("torch")
    y = torch.tensor([1.0, 2.0])
    assert arithmetic.where(np.array([True, False]), y, 0 * y).tolist() == [1, 0]
    assert arithmetic.concatenate((y, y)).tolist() == [1, 2, 1, 2]
    assert arithmetic.stack((y, y), axis=1).tolist() == [[1, 1], [2, 2]]


def test_a_ball_at_a_floats_own_precision_bounds_softmaxs_rounding_of_x_minus_its_maximum():
    x = np.array([100.0, 0.1])
    with precision(15):
        radius = radii(arithmetic.softmax(as_balls(x)))[1]
    assert radius >= 99 * 10.0**-16 * np.exp(-99.9)


def test_balls_in_a_plain_array_of_objects_are_balls():
    """NumPy returns such arrays where it forgets the class."""
    x = as_balls(np.array([-800.0, 0.5]))
    found = arithmetic.sigmoid(np.array(x, subok=False))
    assert midpoints(found).tolist() == midpoints(arithmetic.sigmoid(x)).tolist()
