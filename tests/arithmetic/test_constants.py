"""Constants in code are found wherever they stand, and moved so that the effect of each can be told apart."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flint import arb

from lstm_ref.arithmetic import constants
from lstm_ref.arithmetic.balls import as_balls, midpoints, precision
from lstm_ref.arithmetic.constants import HADAMARD, ROWS, Constants, is_exact, noted
from lstm_ref.arithmetic.lift import lift
from lstm_ref.oracles.balls import balls

X = np.array([0.3, -0.7, 1.1])
K = np.array([0.1, 0.3, 0.7])
ALL = {0.1, 0.3, 0.7}
SIZE = 1e-15


def significand(value):
    return abs(math.frexp(value)[0])


def met(function, x=X):
    """The significands of the constants that an evaluation meets, with the bits of their dtype."""
    counted = Constants()
    with noted(counted), precision(60):
        lift(function, x)(as_balls(x))
    return set(counted.column)


def changes(function, x=X):
    """By row, what the function's value changes by, in unit roundoffs."""
    counted, found = Constants(), []
    with precision(80):
        with noted(counted):
            before = as_balls(lift(function, x)(as_balls(x)))
        for row in range(ROWS):
            moved = Constants()
            moved.column, moved.row, moved.size = counted.column, row, SIZE
            with noted(moved):
                after = as_balls(lift(function, x)(as_balls(x)))
            found.append(midpoints(as_balls(after - before) / arb(SIZE)) * 2.0**53)
    return np.array(found)


# ------------------------------------------------------------------------------------------- how they are moved


def test_the_columns_are_orthogonal():
    np.testing.assert_array_equal(HADAMARD @ HADAMARD.T, ROWS * np.eye(ROWS))


@pytest.mark.parametrize("n", [1, 3, ROWS])
def test_the_mean_square_of_the_changes_is_the_sum_of_the_squares_that_single_constants_make(n):
    c = np.random.default_rng(0).uniform(0.5, 1, n)
    sin = np.sin(np.arange(1.0, n + 1))
    found = changes(lambda x: np.sum(np.sin(x) * c), np.arange(1.0, n + 1))
    # An entry of a table moves by the unit of its largest, which it may have been summed up from.
    np.testing.assert_allclose(np.mean(found**2), np.sum((sin * c.max()) ** 2), rtol=1e-12)


def test_of_more_constants_than_rows_the_mean_square_is_of_the_size_of_that_sum():
    n = 200
    x, c = np.linspace(0.5, 1.5, n), np.random.default_rng(0).uniform(0.5, 1, n)
    found = np.mean(changes(lambda x: np.sum(np.sin(x) * c), x) ** 2)
    assert 0.25 < found / np.sum((np.sin(x) * c.max()) ** 2) < 4  # eight draws of a square


@pytest.mark.parametrize("power", [2.0, -0.25, 2.0**40])
def test_constants_that_differ_by_a_power_of_two_move_together(power):
    np.testing.assert_allclose(changes(lambda x: np.sin(x) * 0.1 / (0.1 * power)), 0, atol=1e-9)
    assert len(met(lambda x: np.sin(x) * 0.1 + 0.1 * power)) == 1


def test_other_constants_move_apart():
    assert np.abs(changes(lambda x: np.sin(x) * 0.1 / 0.3)).max() > 0.1


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, 2.0**24, 0.5, 0.375, -0.0009765625, 1e22 * 0 + 1000.0, math.inf])
def test_what_was_plainly_meant_does_not_move(value):
    assert is_exact(value)
    assert not met(lambda x: np.sin(x) + value)


@pytest.mark.parametrize("value", [0.1, 1 / 3, math.pi, -2 / 3, 1e-5, 0.01171875 + 2**-50, 2.0**24 + 1.5, 1e30])
def test_what_was_rounded_moves(value):
    assert met(lambda x: np.sin(x) + value) == {(significand(value), 53)}


def test_a_constant_moves_by_the_unit_of_its_size():
    np.testing.assert_allclose(np.abs(changes(lambda x: np.sum(np.sin(x)) * 0 + 0.1)), 0.1, rtol=1e-12)


@pytest.mark.parametrize("decimals, meant", [(1 - 0.9, 0.1), (1 - 0.99, 0.01), (1 - 0.999, 0.001), (1 - 0.9999, 1e-4)])
def test_a_computed_constant_moves_by_half_its_distance_from_the_short_decimal_that_was_meant(decimals, meant):
    moved = float(np.abs(changes(lambda x: np.sum(np.sin(x)) * 0 + decimals)).max())
    np.testing.assert_allclose(moved, max(abs(decimals), abs(decimals - meant) * 2.0**53 / 2), rtol=1e-9)
    assert abs(decimals - meant) <= 2 * moved * 2.0**-53


def test_a_constant_that_is_near_no_short_decimal_moves_by_its_rounding_alone():
    value = 0.001 + 1e-13
    np.testing.assert_allclose(np.abs(changes(lambda x: np.sum(np.sin(x)) * 0 + value)), value, rtol=1e-9)


@pytest.mark.parametrize("single", [np.float32(0.1), float(np.float32(0.1))])
@pytest.mark.parametrize("code", [lambda x, c: np.sin(x) * c, lambda x, c: jnp.sin(x) * c, lambda x, c: x * c])
def test_a_constant_of_float32_moves_by_the_unit_of_float32(single, code):
    assert met(lambda x: code(x, single)) == {(significand(np.float32(0.1)), 24)}
    assert np.abs(changes(lambda x: code(x, single))).max() > 2.0**28 * 0.1 * 0.25


def test_an_array_is_of_the_precision_of_its_dtype():
    single = np.full(3, 0.1, np.float32)
    assert met(lambda x: np.sin(x) * single) == {(significand(single[0]), 24)}
    assert met(lambda x: np.sin(x) * single.astype(np.float64)) == {(significand(single[0]), 53)}  # data, promoted


# ------------------------------------------------------------------------------------------------- where they stand


def assigned(x):
    y = np.zeros_like(x)
    y[0], y[1:] = 0.1, [0.3, 0.7]
    return y * np.sin(x)


def in_place(x):
    y = np.sin(x)
    y -= 0.1
    y *= [0.3, 0.7, 0.3]
    return y


NUMPY = {
    "an operand": (lambda x: np.sin(x) * 0.1, {0.1}),
    "an operand before": (lambda x: 0.1 / np.sin(x), {0.1}),
    "an array": (lambda x: np.sin(x) * K, ALL),
    "an array before": (lambda x: K - np.sin(x), ALL),
    "a list": (lambda x: np.sin(x) * [0.1, 0.3, 0.7], ALL),
    "a ufunc": (lambda x: np.multiply(np.sin(x), 0.1), {0.1}),
    "a power": (lambda x: np.exp(x) ** 0.3, {0.3}),
    "a maximum": (lambda x: np.maximum(np.sin(x), 0.1), {0.1}),
    "clip": (lambda x: np.clip(np.sin(x), -0.1, 0.7), {0.1, 0.7}),
    "where": (lambda x: np.where(np.sin(x) > 0, x, 0.1), {0.1}),
    "an element": (lambda x: 0.1 * np.sin(x)[0], {0.1}),
    "an element of two axes": (lambda x: np.sin(x)[None][0, 1] / 0.7, {0.7}),
    "elements in turn": (lambda x: sum(0.1 * v for v in np.sin(x)), {0.1}),
    "assigned": (assigned, ALL),
    "in place": (in_place, {0.1, 0.3, 0.7}),
    "a stack": (lambda x: np.stack([np.sin(x)[0], np.float64(0.1)]), {0.1}),
    "a concatenation": (lambda x: np.concatenate([np.sin(x), K]), ALL),
    "appended": (lambda x: np.append(np.sin(x), 0.1), {0.1}),
    "full": (lambda x: np.full_like(np.sin(x), 0.1), {0.1}),
    "padding": (lambda x: np.pad(np.sin(x), 1, constant_values=0.1), {0.1}),
    "a product": (lambda x: np.sin(x) @ K, ALL),
    "a product before": (lambda x: K @ np.sin(x), ALL),
    "dot": (lambda x: np.dot(K, np.sin(x)), ALL),
    "dot of a list": (lambda x: np.dot(np.sin(x), [0.1, 0.3, 0.7]), ALL),
    "the method dot": (lambda x: np.sin(x).dot(K), ALL),
    "einsum": (lambda x: np.einsum("i,i", np.sin(x), K), ALL),
    "outer": (lambda x: np.outer(np.sin(x), K), ALL),
    "inner": (lambda x: np.inner(np.sin(x), K), ALL),
    "tensordot": (lambda x: np.tensordot(np.sin(x), K, 1), ALL),
}


@pytest.mark.parametrize("where", NUMPY)
def test_a_constant_of_numpy_code_is_met(where):
    function, expected = NUMPY[where]
    with pytest.raises(jax.errors.TracerArrayConversionError):
        jax.make_jaxpr(function)(X)  # NumPy code indeed
    assert met(function) == {(significand(v), 53) for v in expected}


@jax.jit
def inner_program(x):
    return jnp.tanh(x) / 0.3


JAX = {
    "a literal": (lambda x: jnp.sin(x) * 0.1, {0.1}),
    "closed over": (lambda x: jnp.sin(x) * K, ALL),
    "closed over by JAX": (lambda x: jnp.sin(x) * jnp.asarray(K), ALL),
    "in a program": (lambda x: inner_program(x) * 0.1, {0.1, 0.3}),
    "in a scan": (lambda x: jax.lax.scan(lambda c, v: (0.7 * c + v, c), 0.1, x)[1], {0.7, 0.1}),
    "in a branch": (lambda x: jax.lax.cond(x[0] > 0, lambda v: 0.1 * v, lambda v: 0.3 * v, x), {0.1}),
    "in a choice": (lambda x: jnp.where(x > 0, x, 0.1), {0.1}),
    "operators alone": (lambda x: 0.1 * x + K, ALL),
    "an exponent": (lambda x: jnp.exp(x) ** 0.3, {0.3}),
    "a product": (lambda x: x @ K, ALL),
}


@pytest.mark.parametrize("where", JAX)
def test_a_constant_of_jax_code_is_met(where):
    function, expected = JAX[where]
    assert {key[0] for key in met(function)} >= {significand(v) for v in expected}


def test_the_numbers_of_the_problem_are_none_of_the_code():
    counted = Constants(kept=[0.1])
    with noted(counted), precision(60):
        lift(lambda x: np.sin(x) * 0.1 + 0.3, X)(as_balls(X))
    assert set(counted.column) == {(significand(0.3), 53)}


def test_inputs_and_cotangents_are_no_constants():
    counted = Constants()
    with noted(counted):
        balls(lambda given: np.sin(given), K, np.array([0.11, 0.13, 0.17]), digits=20)
    assert not counted.column


def test_outside_of_the_context_constants_are_what_they_are():
    moved = Constants()
    moved.row, moved.size = 0, 1.0
    with pytest.raises(ValueError, match="lost"), noted(moved):
        raise ValueError("lost")
    assert constants.current() is None
    assert not met(lambda x: np.sin(x))
    with precision(40):
        assert as_balls(as_balls(X) * 0.1)[0] == arb(0.3) * arb(0.1)


def test_where_constants_are_met_the_values_are_the_same():
    for function, _ in (*NUMPY.values(), *JAX.values()):
        with precision(40):
            plain = as_balls(lift(function, X)(as_balls(X)))
            with noted(Constants()):
                counted = as_balls(lift(function, X)(as_balls(X)))
            assert plain.shape == counted.shape
            assert all(a.overlaps(b) for a, b in zip(plain.ravel().tolist(), counted.ravel().tolist(), strict=True))
