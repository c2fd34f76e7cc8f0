"""Balls in NumPy arrays: NumPy's semantics, exact conversion, and an error in place of a guess or of lost digits."""

import flint
import jax
import numpy as np
import pytest
from flint import acb, arb
from hypothesis import given
from hypothesis import strategies as st

from lstm_ref.arithmetic.balls import (
    FLOAT_BITS,
    SMALL_PRODUCT,
    Balls,
    as_balls,
    ball,
    bits_of_precision,
    is_balls,
    magnitudes,
    matmul,
    midpoints,
    objects,
    precision,
    radii,
)
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import UndecidedComparison, UnknownPrimitive
from lstm_ref.strategies import KINDS, arrays_like, values

DIGITS = 60

ABOUT_ONE = ball(arb(1, 0.5))
"""Anything from ½ to 1½."""


def integers(*shape, seed=0):
    """On which floats are exact, so that NumPy's own result is the truth."""
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(np.float64)


def assert_exactly(found, expected):
    assert isinstance(found, Balls)
    assert found.shape == np.shape(expected)
    np.testing.assert_array_equal(midpoints(found), expected)
    assert (radii(found) == 0).all()


# ---------------------------------------------------------------------------------------------------- conversion


@given(arrays_like((5,)) | arrays_like((5,), np.float32))
def test_a_float_becomes_the_ball_of_its_exact_binary_value_at_any_precision(x):
    for bits in (10, 53, 400):
        with bits_of_precision(bits):
            assert_exactly(as_balls(x), x.astype(np.float64))


@pytest.mark.parametrize("value", [0.1, -0.0, 5e-324, 2.0**1000, 7, -(10**30), True, np.float16(0.1), np.int8(-3)])
def test_numbers_become_exact_balls(value):
    assert ball(value).real == arb(int(value) if isinstance(value, (int, np.integer)) else float(value))
    assert ball(value).real.is_exact()


def test_balls_pass_through_untouched_and_complex_numbers_are_refused():
    x = as_balls([1.0, 2.0])
    assert as_balls(x) is x
    assert ball(ABOUT_ONE) is ABOUT_ONE
    with pytest.raises(UnknownPrimitive, match="over the reals"):
        as_balls([1 + 2j])


def test_nan_and_infinity_survive_the_conversion():
    found = midpoints(as_balls([np.nan, np.inf, -np.inf]))
    assert np.isnan(found[0])
    assert found[1:].tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize("x", [np.zeros((2, 0)), np.float64(3), np.ones((1, 2, 3))], ids=["empty", "scalar", "3-d"])
def test_shapes_survive_the_conversion(x):
    found = as_balls(x)
    assert found.shape == x.shape
    assert is_balls(found)
    for floats in (midpoints(found), radii(found), magnitudes(found)):
        assert floats.shape == x.shape
        assert floats.dtype == np.float64


def test_a_magnitude_bounds_every_number_in_the_ball():
    assert magnitudes(objects(ABOUT_ONE))[()] >= 1.5
    assert magnitudes(objects(-ABOUT_ONE))[()] >= 1.5


# ------------------------------------------------------------------------------------------------------- products

SHAPES = [
    ((2, 3), (3, 4)),
    ((8, 8), (8, 8)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((3,), (3,)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((2, 0), (0, 3)),
    ((0, 3), (3, 2)),
    ((12, 5), (5, 6)),
]


@pytest.mark.parametrize("bits", [FLOAT_BITS - 3, FLOAT_BITS, 200], ids="{}-bits".format)
@pytest.mark.parametrize(("left", "right"), SHAPES, ids=str)
def test_a_matrix_product_is_numpys_on_either_path(left, right, bits):
    a, b = integers(*left), integers(*right, seed=1)
    with bits_of_precision(bits):
        assert_exactly(as_balls(a) @ as_balls(b), a @ b)
        assert_exactly(as_balls(a) @ b, a @ b)
        assert_exactly(a @ as_balls(b), a @ b)


def test_both_paths_of_the_matrix_product_are_taken_and_agree():
    small, large = values("ordinary", 1, (2, 3)), values("ordinary", 2, (8, 8))
    assert small.size * 3 < SMALL_PRODUCT <= large.size * 8
    with precision(DIGITS):
        a = as_balls(large)
        at_once, by_rows = matmul(a, a), np.matmul(np.asarray(a), np.asarray(a))
    for x, y in zip(at_once.ravel(), by_rows.ravel(), strict=True):
        assert x.real.overlaps(y.real)
        assert x.real.rad() < 1e-50


def test_a_product_of_wrong_shapes_is_refused_as_numpy_does():
    with pytest.raises(ValueError, match="mismatch"):
        as_balls(integers(8, 8)) @ as_balls(integers(7, 8))


def test_at_float_precision_a_product_of_any_size_bounds_what_floats_lose():
    a = values("ordinary", 3, (30, 30))
    with precision(DIGITS):
        truth = as_balls(a) @ a
    with bits_of_precision(FLOAT_BITS):
        bound = radii(as_balls(a) @ a)
    with precision(DIGITS):
        error = magnitudes(truth - a @ a)
    assert (error <= bound).all()
    assert (bound > 0).all()


# ---------------------------------------------------------------------------------------------------- reductions


def is_defined(name, shape, axis):
    """NumPy has no largest, smallest or mean of nothing."""
    reduced = [n for k, n in enumerate(shape) if axis in (None, (0, 1), k)]
    return name in ("sum", "prod") or 0 not in reduced


REDUCTIONS = [
    (name, shape, axis)
    for name in ("sum", "prod", "max", "min", "mean")
    for shape in ((3, 4), (0, 4), (3, 0), (1, 1))
    for axis in (None, 0, 1, (0, 1))
    if is_defined(name, shape, axis)
]


@pytest.mark.parametrize(("name", "shape", "axis"), REDUCTIONS)
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions_are_numpys(name, shape, axis, keepdims):
    x = integers(*shape)
    with precision(DIGITS):
        found = getattr(as_balls(x), name)(axis=axis, keepdims=keepdims)
    expected = getattr(x, name)(axis=axis, keepdims=keepdims)
    if name == "mean":  # a quotient, which NumPy rounds
        np.testing.assert_allclose(midpoints(found), expected, rtol=np.finfo(float).eps)
        assert found.shape == np.shape(expected)
    else:
        assert_exactly(as_balls(found), expected)


def test_cumulative_sums_and_products_are_numpys():
    x = integers(3, 4)
    assert_exactly(np.add.accumulate(as_balls(x), axis=1), np.cumsum(x, axis=1))
    assert_exactly(np.multiply.accumulate(as_balls(x)), np.cumprod(x, axis=0))


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_the_index_of_the_largest_and_the_smallest_is_numpys_the_first_of_equals(axis):
    x = np.array([[3.0, 1, 3], [1, 3, 1]])
    np.testing.assert_array_equal(as_balls(x).argmax(axis=axis), x.argmax(axis=axis))
    np.testing.assert_array_equal(as_balls(x).argmin(axis=axis), x.argmin(axis=axis))


def test_shape_functions_keep_the_type():
    x = as_balls(integers(2, 3))
    for found in (x.T, x[0], x[:, None], np.concatenate([x, x]), np.stack([x, x]), np.where(x > 0, x, 0), x.reshape(6)):
        assert isinstance(found, Balls)
    assert all(isinstance(part, Balls) for part in np.split(x, 3, axis=1))
    assert isinstance(np.zeros_like(x), Balls)
    assert midpoints(np.zeros_like(x)).tolist() == np.zeros((2, 3)).tolist()


# ----------------------------------------------------------------------------------------------------- functions

DOMAINS = {
    "arcsin": (-1, 1), "arccos": (-1, 1), "arctanh": (-0.9, 0.9), "arccosh": (1.1, 5), "log": (0.1, 9),
    "log2": (0.1, 9), "log10": (0.1, 9), "log1p": (-0.9, 9), "sqrt": (0, 9), "reciprocal": (0.1, 9),
}  # fmt: skip
UNARY = [
    "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin",
    "arccos", "arctan", "arcsinh", "arccosh", "arctanh", "sqrt", "square", "reciprocal", "absolute", "fabs", "negative",
    "positive", "sign", "conjugate",
]  # fmt: skip
BINARY = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "fmax", "fmin", "logaddexp", "heaviside"]


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_array_are_numpys(name):
    x = np.random.default_rng(0).uniform(*DOMAINS.get(name, (-3, 3)), (40,))
    with precision(DIGITS):
        found = getattr(np, name)(as_balls(x))
        assert (radii(found) < 1e-50).all()
    # NumPy's own functions are right to 4 ulps; nearer to a zero of theirs, to 4 ulps of x.
    expected = getattr(np, name)(x)
    assert (np.abs(midpoints(found) - expected) <= 4 * np.finfo(float).eps * (np.abs(expected) + np.abs(x))).all()


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_arrays_are_numpys(name):
    x, y = integers(4, 3), integers(3, seed=1) + 0.5
    found, expected = getattr(np, name)(as_balls(x), y), getattr(np, name)(x, y)
    np.testing.assert_allclose(midpoints(found), expected, rtol=4 * np.finfo(float).eps)
    np.testing.assert_allclose(midpoints(getattr(np, name)(x, as_balls(y))), expected, rtol=4 * np.finfo(float).eps)


@pytest.mark.parametrize(("base", "exponent"), [(-2.0, 3), (-2.0, 0), (2.0, -2), (2.0, 0.5), (9.0, 1.5), (0.0, 2)])
def test_powers_are_numpys(base, exponent):
    assert midpoints(as_balls([base]) ** exponent)[0] == pytest.approx(base**exponent, rel=4 * np.finfo(float).eps)


def test_clipping_is_numpys():
    x = integers(4, 3)
    assert_exactly(as_balls(x).clip(-2, 3), x.clip(-2, 3))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.floor(x),
        lambda x: np.hypot(x, x),
        lambda x: np.bitwise_and(x, x),
        lambda x: np.subtract.reduceat(x, [0]),
        lambda x: np.add.at(x, [0], 1),
        lambda x: np.add.outer(x, x),
        lambda x: np.add(x, x, where=np.array([True, False])),
        lambda x: np.equal.reduce(x),
        lambda x: np.sort(x),
        lambda x: np.argsort(x),
        lambda x: x.sort(),
    ],
    ids=["floor", "hypot", "and", "reduceat", "at", "outer", "where", "equal.reduce", "sort", "argsort", "x.sort"],
)
def test_what_is_not_known_raises_and_says_its_name(call):
    with pytest.raises(UnknownPrimitive, match="not known in ball arithmetic"):
        call(as_balls([1.0, 2.0]))


# --------------------------------------------------------------------------------------------------- comparisons

COMPARISONS = (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal)
each_comparison = pytest.mark.parametrize("compare", COMPARISONS, ids=lambda f: f.__name__)


@each_comparison
def test_comparisons_that_balls_decide_are_numpys(compare):
    x = np.array([-1.0, 0.0, -0.0, 2.0, np.inf, -np.inf, np.nan])
    found = compare(as_balls(x)[:, None], as_balls(x))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, compare(x[:, None], x))


@each_comparison
def test_a_comparison_that_balls_cannot_decide_raises(compare):
    other = ball(arb(1.25, 0.5))
    with pytest.raises(UndecidedComparison, match="overlap"):
        compare(objects(ABOUT_ONE), objects(other))


def test_wide_balls_that_do_not_touch_are_compared():
    far = ball(arb(3, 0.5))
    assert (objects(ABOUT_ONE) < objects(far)).all()
    assert (objects(ABOUT_ONE) != objects(far)).all()


@pytest.mark.parametrize(
    "decide",
    [np.sign, np.signbit, lambda x: np.heaviside(x, 0), lambda x: np.stack([x, x + 0.1]).argmax(0)],
    ids=["sign", "signbit", "heaviside", "argmax"],
)
def test_a_function_that_hangs_on_an_undecided_comparison_raises(decide):
    with pytest.raises(UndecidedComparison):
        decide(objects(ball(arb(0, 1)))[None])


def test_the_maximum_of_overlapping_balls_encloses_it_because_it_is_continuous():
    low, high = ball(arb(1, 0.5)), ball(arb(1.25, 0.5))
    found = np.maximum(objects(low), objects(high))[()].real
    assert found.contains(arb(1.75))
    assert found.contains(arb(0.75))
    assert not found.contains(arb(0.5))


# -------------------------------------------------------------------------------------------- no digit is lost


def test_a_store_into_an_array_of_floats_is_refused_and_changes_nothing():
    target, x = np.zeros(3), as_balls([0.1, 0.2, 0.3])
    with pytest.raises((TypeError, ValueError)):
        target[0] = x[0]
    with pytest.raises((TypeError, ValueError)):
        target[:] = x
    with pytest.raises(UnknownPrimitive, match="cannot be stored in an array of float64"):
        target += x
    with pytest.raises((TypeError, ValueError)):
        float(x[0])
    assert (target == 0).all()


def test_a_store_into_an_array_of_balls_keeps_all_digits():
    with precision(DIGITS):
        target, third = np.zeros_like(as_balls(np.zeros(2))), 1 / as_balls([3.0])
        target[0] = third[0]
        target[1:] += third
        assert all(v.real.rad() < 1e-50 and v.real.contains(arb(1) / 3) for v in target)
    target[0] = 0.5
    assert isinstance(target[0], acb)


def test_precision_is_a_context_that_ends():
    before = flint.ctx.prec
    with precision(100):
        assert flint.ctx.prec > 330
        with bits_of_precision(53):
            assert flint.ctx.prec == 53
        assert flint.ctx.prec > 330
    assert flint.ctx.prec == before


def test_more_digits_make_smaller_balls_around_the_same_number():
    with precision(20):
        coarse = np.exp(as_balls([1.0]))[0].real
    with precision(80):
        fine = np.exp(as_balls([1.0]))[0].real
    assert coarse.contains(fine)
    assert fine.rad() < 1e-78 < 1e-21 < coarse.rad()


@given(st.sampled_from(KINDS), st.integers(0, 999))
def test_a_ball_at_float_precision_bounds_the_error_of_the_same_float_operations(kind, seed):
    x = values(kind, seed, (6, 6))

    def computed(v):
        return (v @ v + v * v).sum(0)

    with bits_of_precision(FLOAT_BITS - 3):
        bound = radii(computed(as_balls(x)))
    with precision(DIGITS):
        error = magnitudes(computed(as_balls(x)) - computed(x))
    assert (error <= bound).all()


# ------------------------------------------------------------------------------------------------------- JAX's x64


def test_the_float64_context_leaves_the_callers_configuration_alone():
    before = jax.config.jax_enable_x64
    with x64():
        assert jax.numpy.zeros(1).dtype == np.float64
    assert jax.config.jax_enable_x64 == before
    assert jax.numpy.zeros(1).dtype == (np.float64 if before else np.float32)
    with pytest.raises(ZeroDivisionError), x64():
        raise ZeroDivisionError
    assert jax.config.jax_enable_x64 == before
