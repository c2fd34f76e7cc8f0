"""A JAX function computed by NumPy, equation by equation, gives the same values as XLA."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstm_ref.arithmetic.uncompiled import ANALYTIC, RULES, uncompiled
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.strategies import values

X, Y, W = values("ordinary", 1, (3, 4)), values("ordinary", 2, (3, 4)), values("ordinary", 3, (4, 2))
EPS = np.finfo(np.float64).eps
ROUNDINGS = 32
"""XLA's elementary functions are right to 8 units in the last place, two in a row to 16; as many for NumPy's."""


def compiled(function, *arguments):
    with x64():
        return jax.tree.map(np.asarray, jax.jit(function)(*arguments))


def assert_same(function, *arguments):
    found, expected = uncompiled(function, *arguments)(*arguments), compiled(function, *arguments)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert isinstance(a, np.ndarray)
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert np.all((abs(1.0 * a - 1.0 * b) <= ROUNDINGS * EPS * np.max(abs(1.0 * b), initial=0)) | (a == b))


ELEMENTWISE = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / (2 + y * y),
    "neg": lambda x, y: -x,
    "max": jnp.maximum,
    "min": jnp.minimum,
    "abs": lambda x, y: abs(x),
    "square": lambda x, y: jnp.square(x),
    "sqrt": lambda x, y: jnp.sqrt(x * x),
    "exp": lambda x, y: jnp.exp(x),
    "log": lambda x, y: jnp.log(x * x),
    "log1p": lambda x, y: jnp.log1p(x * x),
    "expm1": lambda x, y: jnp.expm1(x),
    "tanh": lambda x, y: jnp.tanh(x),
    "sin": lambda x, y: jnp.sin(x),
    "cos": lambda x, y: jnp.cos(x),
    "logistic": lambda x, y: jax.nn.sigmoid(x),
    "integer_pow": lambda x, y: (x**0, x**3, x**7, (x * x + 1) ** -2),
    "dot_general": lambda x, y: (x @ y.T, jnp.einsum("ab,ab->a", x, y), jnp.einsum("ab,cb->cab", x, y)),
    "reduce_sum": lambda x, y: (x.sum(), x.sum(0)),
    "reduce_max": lambda x, y: (x.max(), y.max(1)),
    "pad": lambda x, y: (jnp.pad(x, ((1, 2), (0, 3))), jax.lax.pad(x, 1.5, ((0, 0, 1), (-1, 2, 0)))),
    "eq": lambda x, y: (x == y, x == x),
    "ne": lambda x, y: x != y,
    "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= x,
    "gt": lambda x, y: x > y,
    "ge": lambda x, y: x >= x,
    "add_any": lambda x, y: jax.grad(lambda v: (v * v + jnp.tanh(v)).sum())(x),
}


@pytest.mark.parametrize("name", RULES)
def test_every_primitive_means_what_xla_computes(name):
    assert_same(ELEMENTWISE[name], X, Y)


@pytest.mark.parametrize("name", sorted(ANALYTIC))
def test_on_complex_numbers_too(name):
    def function(x, y):
        if name == "add_any":
            return jax.vjp(lambda v: v * v + jnp.tanh(v), x)[1](y)
        return ELEMENTWISE[name](x, y)

    assert_same(function, X + 1j * Y, Y - 1j * X)


OTHERS = {
    "integers, and what becomes of them": lambda x, y: (jnp.arange(4) * 2 + x, (x > 0).sum(), (x > y) * y),
    "numbers cut to integers": lambda x, y: (10 * x).astype(int),
    "what NumPy has no word for": lambda x, y: (jnp.sort(x), jax.lax.erf(x), jnp.cumsum(y, 1), x.astype(np.float32)),
    "rows by number": lambda x, y: (x[jnp.array([0, 2, 2])], x.at[jnp.array([1, 1])].add(y[:2])),
    "choices": lambda x, y: (jnp.where(x > 0, x, y), jax.nn.relu(x), jax.lax.cond(x[0, 0] > 0, jnp.sin, jnp.cos, y)),
    "a loop": lambda x, y: jax.lax.scan(lambda h, v: (jnp.tanh(h + v), h * v), x[0], y, reverse=True),
    "a loop of no steps": lambda x, y: jax.lax.scan(lambda h, v: (h + v, h * v), x[0], y[:0]),
    "a loop with an end of its own": lambda x, y: jax.lax.while_loop(lambda v: v.sum() < 9, lambda v: v + 1, x),
    "a random number": lambda x, y: x + jax.random.normal(jax.random.key(3), x.shape),
    "a gradient": lambda x, y: jax.grad(lambda v: (jax.nn.softmax(v["x"] @ v["y"].T) ** 2).sum())({"x": x, "y": y}),
    "many at once": lambda x, y: jax.vmap(lambda a: jax.lax.scan(lambda h, v: (jnp.tanh(h * a + v), h), y[0], y))(x),
    "a solver, which is compiled after all": lambda x, y: jax.scipy.sparse.linalg.cg(lambda v: 2 * v, x)[0],
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_elementwise_means_the_same(name):
    assert_same(OTHERS[name], X, Y)


def test_an_infinity_is_no_warning(recwarn):
    found = uncompiled(lambda x: jnp.log(x) / x, np.zeros(2))(np.zeros(2))
    assert np.all(found == -np.inf)
    assert not recwarn


def test_the_comparison_of_this_file_can_fail(monkeypatch):
    monkeypatch.setitem(RULES, "tanh", lambda eqn: lambda x: np.tanh(x) * (1 + 1e-13))
    with pytest.raises(AssertionError):
        assert_same(ELEMENTWISE["tanh"], X, Y)
