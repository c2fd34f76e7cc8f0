"""The walk through a jaxpr, and what a jaxpr says without being evaluated."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import pallas

from lstm_ref.arithmetic.walk import between, by_jax, called, inner_jaxprs, needed, unrolled, walk
from lstm_ref.checking.function.rerun import without_custom_rules

X = np.array([0.5, -1.5, 2.0], np.float32)


def as_jaxpr(function, *arguments):
    return jax.make_jaxpr(function)(*arguments).jaxpr


def test_unchanged_equations_give_the_functions_values():
    def function(x):
        return jnp.tanh(2 * x) * x, 3.0

    jaxpr = as_jaxpr(function, X)
    found = walk(jaxpr, (), [X], lambda eqn, operands: by_jax(jaxpr, eqn, operands))
    assert np.array_equal(found[0], function(X)[0])
    assert found[1] == 3.0


def test_values_may_be_anything_that_a_step_makes():
    """Here a value is the set of inputs that it depends on, and a literal depends on none."""
    jaxpr = as_jaxpr(lambda a, b, c: (a * b, 2 * c, b), X, X, X)
    found = walk(jaxpr, (), [{"a"}, {"b"}, {"c"}], lambda _, ins: [set().union(*ins)], lambda _: set())
    assert found == [{"a", "b"}, {"c"}, {"b"}]


def test_a_part_of_a_jaxpr_reads_the_nearest_known_values_and_nothing_behind_them():
    def function(x):
        y = jnp.tanh(x)
        z = jnp.exp(y)
        return y, z, z * y + x

    jaxpr = as_jaxpr(function, X)
    (x,), (y, z, last) = jaxpr.invars, jaxpr.outvars
    assert between(jaxpr, [x, y, z], [last]).invars == [x, y, z]
    assert between(jaxpr, [x, y, z], [z]).invars == [y]
    assert between(jaxpr, [x, y], [last]).invars == [x, y]
    assert [e.primitive.name for e in between(jaxpr, [x, y], [last]).eqns] == ["exp", "mul", "add"]


def test_what_no_output_needs_is_left_out_and_every_input_stays():
    jaxpr = needed(as_jaxpr(lambda a, b: [jnp.log(a), jnp.sin(b)][1:], X, X))
    assert [e.primitive.name for e in jaxpr.eqns] == ["sin"]
    assert len(jaxpr.invars) == 2


@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_unrolled_is_the_scan(reverse):
    def step(carry, x):
        carry = carry * 0.5 + x
        return carry, jnp.sin(carry)

    def function(carry, xs):
        return jax.lax.scan(step, carry, xs, reverse=reverse)

    (eqn,) = as_jaxpr(function, X, X[:, None] * X).eqns
    body = jax.extend.core.jaxpr_as_fun(eqn.params["jaxpr"])
    given = unrolled(
        eqn, [X, X[:, None] * X], lambda ins: body(*ins), lambda xs, _: list(xs), lambda ys, _: np.stack(ys)
    )
    for mine, jaxs in zip(given, function(X, X[:, None] * X), strict=True):
        assert np.allclose(mine, jaxs, rtol=1e-6)  # float32, in which XLA may join a product and a sum


def doubled(x):
    """A Pallas kernel."""

    def kernel(x, y):
        y[...] = 2 * x[...]

    return pallas.pallas_call(kernel, out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype), interpret=True)(x)


def test_a_kernel_has_a_jaxpr_inside_but_is_no_call():
    """Its jaxpr reads and writes references; opened like a function, it could not be run."""
    (eqn,) = as_jaxpr(doubled, X).eqns
    assert list(inner_jaxprs(eqn))
    assert called(eqn) is None
    (eqn,) = as_jaxpr(jax.jit(jnp.tanh), X).eqns
    assert called(eqn) is not None


def test_without_custom_rules_a_kernel_stays_as_it_is():
    assert np.array_equal(without_custom_rules(doubled)(X), 2 * X)
