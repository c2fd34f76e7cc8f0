"""Any JAX function in ball arithmetic: values against float64 JAX, gradients against slopes, errors by line."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from jax.ad_checkpoint import checkpoint_name

from lstm_ref.arithmetic.balls import Balls, as_balls, midpoints, precision, radii
from lstm_ref.arithmetic.jaxpr import in_balls, trace
from lstm_ref.arithmetic.scalars import larger
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import BadInput, CannotEvaluate, UndecidedComparison, UnknownPrimitive

STEP = 1e-40
"""Of central differences: they err by about STEP² = 1e-80, which is what 130 digits leave after the cancellation."""


def numbers(*shape, seed=0, scale=0.7):
    return np.random.default_rng(seed).normal(size=shape) * scale


A, B, V, W = numbers(3, 4), numbers(4, 5, seed=1), numbers(6, seed=2), numbers(6, seed=3)
POSITIVE = np.abs(V) + 0.3
SMALL = np.tanh(V) * 0.9
IMAGE = numbers(2, 3, 7, 6, seed=4)
TOKENS = np.array([2, 0, 2, 1, 2])


def in_float64(f, *args):
    with x64():
        return jax.tree.map(np.asarray, f(*jax.tree.map(jnp.asarray, args)))


def assert_values_agree(f, *args, rounding=1e-14):
    """In balls and in float64 JAX the same, up to the rounding of the latter; NaN and infinities in the same places."""
    ours, theirs = in_balls(f)(*args), in_float64(f, *args)
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for x, y in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert x.shape == y.shape
        if y.dtype.kind != "f":
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)
            continue
        assert type(x) is Balls
        np.testing.assert_allclose(midpoints(x), y, rtol=rounding, atol=rounding)
        assert (radii(x)[np.isfinite(y)] < 1e-70).all()


def scalar(f):
    """`f`'s float outputs against fixed irregular weights: no output is left out, none counts twice."""

    def loss(*args):
        leaves = [y for y in jax.tree.leaves(f(*args)) if jnp.issubdtype(y.dtype, jnp.floating)]
        return sum(jnp.sum(y * numbers(*y.shape, seed=7 + i)) for i, y in enumerate(leaves))

    return loss


def assert_gradient_is_the_slope(f, *args, digits=70):
    """`jax.grad` of `f`, in balls, is the central difference of `f` in balls, to this many digits, for every input."""
    loss = scalar(f)
    value, gradient = trace(loss, *args), trace(jax.grad(loss, argnums=tuple(range(len(args)))), *args)
    with precision(130):
        leaves = [as_balls(x) for x in jax.tree.leaves(args)]
        slopes = gradient.on_leaves(leaves)
        for k, x in enumerate(leaves):
            for index in np.ndindex(x.shape):
                ends = []
                for step in (STEP, -STEP):
                    moved = [np.asarray(leaf).copy().view(Balls) for leaf in leaves]
                    moved[k][index] = x[index] + step
                    ends.append(value.on_leaves(moved)[0][()])
                difference = (ends[0] - ends[1]).real / arb(STEP) / 2
                error = abs(difference - slopes[k][index].real)
                assert error < arb(10) ** -digits, f"input {k} {index}: {difference} against {slopes[k][index]}"


# ------------------------------------------------------------------------------------- single primitives: values

ELEMENTWISE = {
    "add": (jnp.add, V, W),
    "sub": (jnp.subtract, V, W),
    "mul": (jnp.multiply, V, W),
    "div": (jnp.divide, V, W),
    "neg": (jnp.negative, V),
    "sign": (jnp.sign, np.array([-2.5, 0, 3])),
    "abs": (jnp.abs, V),
    "square": (jnp.square, V),
    "integer_pow": (lambda x: (x**3, x**-2, x**0, x**7), V),
    "pow": (jnp.power, POSITIVE, W),
    "pow of an integer exponent": (lambda x: lax.pow(x, jnp.array([2, 3, 0, -1, 1, 5])), V),
    "sqrt": (lambda x: (jnp.sqrt(x), lax.rsqrt(x), jnp.cbrt(x)), POSITIVE),
    "cbrt of negatives": (jnp.cbrt, -POSITIVE),
    "exp": (lambda x: (jnp.exp(x), jnp.exp2(x), jnp.expm1(x)), V),
    "log": (lambda x: (jnp.log(x), jnp.log1p(x), jnp.log2(x)), POSITIVE),
    "trigonometric": (lambda x: (jnp.sin(x), jnp.cos(x), jnp.tan(x)), V),
    "inverse trigonometric": (lambda x: (jnp.arcsin(x), jnp.arccos(x), jnp.arctan(x)), SMALL),
    "atan2": (jnp.arctan2, V, W),
    "hyperbolic": (lambda x: (jnp.sinh(x), jnp.cosh(x), jnp.tanh(x)), V),
    "inverse hyperbolic": (lambda x: (jnp.arcsinh(x), jnp.arccosh(1 + abs(x)), jnp.arctanh(x)), SMALL),
    "logistic": (jax.nn.sigmoid, V),
    "erf": (lambda x: (lax.erf(x), lax.erfc(x), lax.erf_inv(x)), SMALL),
    "max and min": (lambda x, y: (jnp.maximum(x, y), jnp.minimum(x, y)), V, W),
    "clamp": (lambda x: (jnp.clip(x, -0.2, 0.3), lax.clamp(-0.1, x, 0.1)), V),
    "rem": (lambda x, y: lax.rem(x, y), 5 * V, W),
    "floor, ceil, round": (
        lambda x: (jnp.floor(x), jnp.ceil(x), jnp.round(x), lax.round(x, lax.RoundingMethod.AWAY_FROM_ZERO)),
        np.array([-3.5, -2.5, -2.3, -0.5, 0, 0.5, 1.5, 1.7, 2.5, np.inf]),
    ),
    "comparisons": (
        lambda x, y: (x == y, x != y, x < y, x <= y, x > y, x >= y),
        np.array([1.0, 2, 3, np.nan, -np.inf, np.inf, np.nan]),
        np.array([2.0, 2, 1, 1, -np.inf, -np.inf, np.nan]),
    ),
    "is_finite": (jnp.isfinite, np.array([0, 1.5, np.inf, -np.inf, np.nan])),
    "isnan": (jnp.isnan, np.array([0, 1.5, np.inf, -np.inf, np.nan])),
    "float to integer": (lambda x: (x.astype(int), x.astype(bool)), np.array([-2.7, -0.4, 0, 0.4, 2.7])),
    "integer to float": (lambda x: x.astype(float) / 3, np.array([-2, 0, 7])),
    "bool to float": (lambda x: x.astype(float) / 3, np.array([True, False])),
    "float to float": (lambda x: x.astype(jnp.float64), V),
    "a NaN in max": (jnp.maximum, np.array([np.nan, 1, np.nan]), np.array([1.0, np.nan, np.nan])),
    "polynomial": (lambda x: jnp.polyval(jnp.array([0.5, -1.0, 2.0]), x), V),
    "gelu, softplus, silu, elu": (
        lambda x: (jax.nn.gelu(x), jax.nn.softplus(x), jax.nn.silu(x), jax.nn.elu(x), jax.nn.leaky_relu(x)),
        V,
    ),
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_primitives_agree_with_float64(name):
    assert_values_agree(*ELEMENTWISE[name])


@pytest.mark.parametrize("f", [lax.lgamma, lax.digamma, lambda x: lax.polygamma(1.0 + 0 * x, x)])
def test_gamma_functions_agree_with_float64(f):
    assert_values_agree(f, np.array([0.3, 1.7, 4.2]), rounding=1e-13)


def test_lgamma_of_a_negative_number_is_the_logarithm_of_the_absolute_value():
    assert_values_agree(lax.lgamma, np.array([-0.3, -1.7, -4.2]), rounding=1e-13)


LIMITS = np.array([0.0, 1.0, -1.0, np.inf, -np.inf])


@pytest.mark.parametrize("f", [
    jnp.exp, jnp.expm1, jnp.log1p, jnp.tanh, jax.nn.sigmoid, lax.erf, lax.erfc, jnp.square, jnp.abs, jnp.arctan,
    jnp.negative, jax.nn.relu, jax.nn.softplus, lambda x: x**3, lambda x: x * 2, lambda x: x - 1, lambda x: 1 / (x + 3),
    lambda x: jnp.maximum(x, 0.5), lambda x: jnp.sinh(x), lambda x: jnp.log(abs(x)), lambda x: lax.rsqrt(abs(x)),
    lambda x: jnp.sqrt(abs(x)), lambda x: jnp.arctanh(jnp.clip(x, -1, 1)), lambda x: x - x, lambda x: 0 * x,
    lambda x: jnp.logaddexp(x, -jnp.inf), jnp.sign, jnp.floor, lambda x: x @ jnp.eye(5)[:, 0],
])  # fmt: skip
def test_limits_at_zero_one_and_infinity_are_those_of_float64(f):
    assert_values_agree(f, LIMITS)


MOVEMENT = {
    "reshape": lambda x: x.reshape(2, 6),
    "ravel a transpose": lambda x: x.T.ravel(),
    "broadcast": lambda x: jnp.broadcast_to(x[:, None], (3, 2, 4)),
    "slice": lambda x: (x[1:, ::2], x[0], x[:, -1], x[1, 2], x[0:0]),
    "reverse": lambda x: (x[::-1], jnp.flip(x, 1)),
    "concatenate": lambda x: jnp.concatenate([x, 2 * x, x[:1]]),
    "stack": lambda x: jnp.stack([x, 2 * x], 1),
    "unstack": lambda x: [*x],
    "split": lambda x: jnp.split(x, [1, 3], axis=1),
    "pad": lambda x: (jnp.pad(x, 1), lax.pad(x, 0.5, [(0, 1, 2), (-1, 2, 0)])),
    "dynamic_slice": lambda x: lax.dynamic_slice(x, (2, 1), (2, 3)),
    "dynamic_update_slice": lambda x: lax.dynamic_update_slice(x, x[:2, :2] * 3, (2, 3)),
    "gather": lambda x: (x[jnp.array([2, 0, 2])], x[jnp.array([0, 2]), jnp.array([3, 1])]),
    "gather, out of bounds": lambda x: [
        jnp.take(x, jnp.array([-1, 1, 9]), axis=0, mode=m) for m in ("fill", "clip", "wrap")
    ],
    "gather, own fill value": lambda x: x.at[jnp.array([1, 7])].get(mode="fill", fill_value=0.25),
    "take_along_axis": lambda x: jnp.take_along_axis(x, jnp.array([[1], [0], [3]]), 1),
    "select": lambda x: (jnp.where(x > 0, x, 0), lax.select_n(jnp.array([0, 2, 1, 1]), x[0], x[1], x[2])),
    "set": lambda x: (x.at[1].set(9.0), x.at[jnp.array([0, 2]), 1].set(-1.0), x.at[7].set(1.0)),
    "scatter-add": lambda x: x.at[jnp.array([1, 1, 9])].add(2.5),
    "scatter-add, clipped": lambda x: x.at[jnp.array([1, 9])].add(2.5, mode="clip"),
    "scatter, other": lambda x: (
        x.at[jnp.array([1, 1])].multiply(3.0), x.at[jnp.array([0, 0])].max(0.1), x.at[jnp.array([0, 0])].min(0.1)
    ),
    "tile, repeat, roll": lambda x: (jnp.tile(x, (2, 1)), jnp.repeat(x, 2, 0), jnp.roll(x, 1, 1)),
    "squeeze, expand_dims": lambda x: (x[None].squeeze(0), jnp.expand_dims(x, (0, 2))),
    "triangles": lambda x: (jnp.tril(x), jnp.triu(x), jnp.diag(x[:, 0])),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVEMENT)
def test_primitives_that_move_elements_agree_with_jax(name):
    assert_values_agree(MOVEMENT[name], A)


@pytest.mark.parametrize("name", MOVEMENT)
def test_primitives_that_move_elements_move_bits_and_integers_too(name):
    if name in ("set", "pad", "gather, own fill value", "scatter-add", "scatter-add, clipped", "scatter, other"):
        pytest.skip("has a float in it")
    assert_values_agree(MOVEMENT[name], np.arange(12).reshape(3, 4) - 5)


REDUCTIONS = {
    "sum": lambda x: (x.sum(), x.sum(0), x.sum((0, 1)), x[0:0].sum(0)),
    "mean, variance": lambda x: (x.mean(1), x.var(0), x.std()),
    "product": lambda x: (x.prod(), x.prod(1), x[:, 0:0].prod(1)),
    "maximum, minimum": lambda x: (x.max(), x.max(0), x.min(1), jnp.max(x[0:0], 0, initial=-jnp.inf)),
    "argmax, argmin": lambda x: (x.argmax(), x.argmax(0), x.argmin(1)),
    "any, all": lambda x: ((x > 0).any(), (x > 0).all(1), (x > 0).sum(0)),
    "cumulative": lambda x: (
        jnp.cumsum(x, 0), jnp.cumprod(x, 1), lax.cummax(x), lax.cummin(x, 1), lax.cumlogsumexp(x, 1),
        lax.cumsum(x, 0, reverse=True), lax.cumlogsumexp(x, 0, reverse=True), jnp.cumsum(x[0:0], 0),
    ),
    "softmax family": lambda x: (jax.nn.softmax(x), jax.nn.log_softmax(x, 0), jax.nn.logsumexp(x, 1)),
    "sort": lambda x: (jnp.sort(x), jnp.sort(x, 0), jnp.argsort(x), jnp.sort(x, descending=True), jnp.median(x)),
    "sort with two keys": lambda x: lax.sort((jnp.round(x), x), dimension=0, num_keys=2),
    "top_k": lambda x: lax.top_k(x, 2),
    "norms": lambda x: (jnp.linalg.norm(x), jnp.linalg.norm(x, axis=0)),
    "pooling": lambda x: [
        lax.reduce_window(x, init, op, (2, 2), (1, 2), [(1, 0), (0, 1)])
        for init, op in ((0.0, lax.add), (-jnp.inf, lax.max), (jnp.inf, lax.min))
    ],
    "dilated pooling": lambda x: lax.reduce_window(x, 0.0, lax.add, (2, 2), (1, 1), "VALID", (2, 1), (1, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_agree_with_float64(name):
    assert_values_agree(REDUCTIONS[name], A)


@pytest.mark.skipif(jax.__version_info__ >= (0, 11), reason="call_hi_primitive is not known here")
def test_binary_search_agrees_with_float64():
    assert_values_agree(lambda x: (jnp.searchsorted(jnp.sort(x[0]), x[1]), jnp.digitize(x, jnp.array([-0.5, 0.5]))), A)


PRODUCTS = {
    "matrix": (jnp.matmul, A, B),
    "vector": (jnp.dot, V, W),
    "outer": (jnp.outer, V, W),
    "batched": (jnp.matmul, numbers(2, 3, 4), numbers(2, 4, 5)),
    "einsum": (partial(jnp.einsum, "bij,kjb->ikb"), numbers(2, 3, 4), numbers(5, 4, 2)),
    "two contracted": (lambda a, b: jnp.tensordot(a, b, 2), numbers(2, 3, 4), numbers(3, 4, 5)),
    "large": (jnp.matmul, numbers(9, 11), numbers(11, 8)),
    "over nothing": (jnp.matmul, np.zeros((2, 0)), np.zeros((0, 3))),
    "of size nothing": (jnp.matmul, np.zeros((0, 2)), np.zeros((2, 3))),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_agree_with_float64(name):
    assert_values_agree(*PRODUCTS[name])


conv = partial(lax.conv_general_dilated, window_strides=(1, 1), padding="VALID")
CONVOLUTIONS = {
    "plain": (conv, IMAGE, numbers(4, 3, 3, 2)),
    "strides, padding": (partial(conv, window_strides=(2, 1), padding=[(1, 2), (0, 1)]), IMAGE, numbers(4, 3, 3, 2)),
    "negative padding": (partial(conv, padding=[(-1, 2), (1, -2)]), IMAGE, numbers(4, 3, 3, 2)),
    "dilated": (
        partial(conv, padding=[(0, 0)] * 2, lhs_dilation=(2, 1), rhs_dilation=(1, 2)), IMAGE, numbers(4, 3, 3, 2)
    ),
    "groups of features": (partial(conv, feature_group_count=3), IMAGE, numbers(6, 1, 2, 2)),
    "groups of the batch": (partial(conv, batch_group_count=2), IMAGE, numbers(4, 3, 2, 2)),
    "larger than the image": (conv, IMAGE, numbers(4, 3, 8, 2)),
    "channels last": (
        lambda x, w: conv(x, w, dimension_numbers=("NHWC", "HWIO", "NHWC")), numbers(2, 5, 6, 3), numbers(2, 3, 3, 4)
    ),
    "in one dimension": (
        lambda x, w: lax.conv_general_dilated(x, w, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")),
        numbers(2, 6, 3),
        numbers(3, 3, 4),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_agree_with_float64(name):
    assert_values_agree(*CONVOLUTIONS[name])


# -------------------------------------------------------------------------------------------------- control flow


@jax.custom_vjp
def cubed(x):
    return x**3


cubed.defvjp(lambda x: (x**3, x), lambda x, bar: (3 * x * x * bar,))


@jax.custom_jvp
def sine(x):
    return jnp.sin(x)


sine.defjvp(lambda primals, tangents: (jnp.sin(*primals), jnp.cos(*primals) * tangents[0]))


def counted(x):
    """A loop until a condition on floats, of which integers count the rounds."""
    return lax.while_loop(lambda s: abs(s[1]).sum() < 9, lambda s: (s[0] + 1, s[1] * 1.5), (0, x))


CONTROL_FLOW = {
    "scan": lambda x: lax.scan(lambda c, t: (c * t + 1, jnp.sin(c)), x[0], x),
    "reversed scan": lambda x: lax.scan(lambda c, t: (c * t + 1, jnp.sin(c)), x[0], x, reverse=True),
    "scan over integers": lambda x: lax.scan(lambda c, i: (c + x[i], (i, c)), 0.0, jnp.arange(6)),
    "scan of nothing": lambda x: lax.scan(lambda c, t: (c * t, c), x[0], x[0:0]),
    "unrolled scan": lambda x: lax.scan(lambda c, t: (c * t + 1, jnp.sin(c)), x[0], x, unroll=4),
    "scan without xs": lambda x: lax.scan(lambda c, _: (c * x, c.sum()), x, None, length=3),
    "fori_loop": lambda x: lax.fori_loop(0, 5, lambda i, v: v * x + i, x),
    "fori_loop indexing": lambda x: lax.fori_loop(1, 6, lambda i, v: v.at[i].add(v[i - 1] ** 2), x),
    "while": counted,
    "cond": lambda x: lax.cond(x[0] > 0, jnp.sin, jnp.cos, x),
    "switch": lambda x: [lax.switch(i, [jnp.sin, jnp.cos, jnp.tanh], x) for i in (-1, 1, 7)],
    "jit": jax.jit(lambda x: jnp.sin(x)),
    "remat": jax.checkpoint(lambda x: jnp.sin(x) ** 2),
    "custom derivatives": lambda x: (cubed(x), sine(x)),
    "names and barriers": lambda x: lax.stop_gradient(lax.optimization_barrier(checkpoint_name(x * 2, "twice"))),
    "map": lambda x: lax.map(lambda v: v**2, x),
    "associative_scan": lambda x: lax.associative_scan(jnp.multiply, x),
    "vmap": jax.vmap(lambda v: lax.cond(v > 0, jnp.sin, jnp.cos, v)),
    "vmap of while": jax.vmap(lambda v: lax.while_loop(lambda u: u < 3, lambda u: u + 1.25, v)),
    "debug.print": lambda x: (jax.debug.print("{}", x), x * 2)[1],
    "random": lambda x: x * jax.random.bernoulli(jax.random.key(3), 0.5, x.shape) + jax.random.uniform(
        jax.random.PRNGKey(1), x.shape, jnp.float64
    ),
    "random normal": lambda x: x + jax.random.normal(jax.random.key(3), x.shape, jnp.float64),
    "keys in a scan": lambda x: lax.scan(
        lambda k, v: (jax.random.fold_in(k, 1), v + jax.random.randint(k, (), 0, 9)), jax.random.key(0), x
    )[1],
    "scan over keys": lambda x: lax.scan(
        lambda c, t: (c + t[0] * jax.random.bernoulli(t[1]), jax.random.split(t[1], 2)[0]), 0.0,
        (x, jax.random.split(jax.random.key(0), 6)),
    )[0],
    "one_hot": lambda x: jax.nn.one_hot(jnp.array([2, 0]), 6) @ x,
    "integers": lambda x: (jnp.arange(6) * 3 // 2 % 4, x.shape[0] + jnp.arange(3), jnp.array([7, -7]) // 2, ~(x > 0)),
    "not a float in it": lambda x: jnp.uint32(2**31) * jnp.arange(3, dtype=jnp.uint32),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTROL_FLOW)
def test_control_flow_agrees_with_float64(name):
    assert_values_agree(CONTROL_FLOW[name], V)


# ----------------------------------------------------------------------------------------------------- gradients


def lstm_loss(p, state, xs):
    def step(state, x):
        h, c = state
        i, f, g, o = jnp.split(x @ p["w_x"] + h @ p["w_h"] + p["b"], 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    return lax.scan(step, state, xs)


def lstm_inputs(T=6, B=2, D=3, H=4):
    p = {"w_x": numbers(D, 4 * H, seed=1), "w_h": numbers(H, 4 * H, seed=2), "b": numbers(4 * H, seed=3)}
    return p, (numbers(B, H, seed=4), numbers(B, H, seed=5)), numbers(T, B, D, seed=6)


def attention(q, k):
    """Causal attention weights; the mask is −inf."""
    scores = jnp.where(jnp.tril(jnp.ones((3, 3), bool)), q @ k.T, -jnp.inf)
    return jax.nn.softmax(scores, axis=-1)


def cross_entropy(z):
    return -jnp.take_along_axis(z - jax.nn.logsumexp(z, axis=1, keepdims=True), jnp.array([[1], [3], [0]]), 1)


def max_pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 3, 2), (1, 1, 2, 2), [(0, 0), (0, 0), (1, 1), (0, 0)])


conv1d = CONVOLUTIONS["in one dimension"][0]

DIFFERENTIABLE = {
    "an LSTM through scan": (lstm_loss, *lstm_inputs(T=3, H=2)),
    "a reversed LSTM, rematerialised": (
        lambda p, s, xs: lax.scan(
            jax.checkpoint(lambda h, x: (jnp.tanh(x @ p + h), h)), s, xs, reverse=True
        ), numbers(3, 2), numbers(2), numbers(4, 3)
    ),
    "cross entropy": (cross_entropy, A),
    "log_softmax": (jax.nn.log_softmax, A),
    "max pooling": (max_pool, IMAGE[:1, :1]),
    "average pooling": (lambda x: lax.reduce_window(x, 0.0, lax.add, (2, 2), (1, 1), "SAME"), A),
    "embedding with repeated tokens": (lambda e: e[TOKENS] ** 2, A),
    "take with fill": (lambda e: jnp.take(e, jnp.array([0, 7, 2, 2]), axis=0, mode="fill", fill_value=0) ** 2, A),
    "conv1d": (conv1d, numbers(2, 4, 3), numbers(3, 3, 2)),
    "conv with strides and dilation": (
        partial(conv, window_strides=(2, 1), padding=[(1, 2), (0, 1)], rhs_dilation=(1, 2)),
        IMAGE[:1, :2, :4, :4], numbers(2, 2, 2, 2),
    ),
    "conv in groups": (partial(conv, feature_group_count=3), IMAGE[..., :3, :3], numbers(6, 1, 2, 2)),
    "cumsum": (lambda x: jnp.cumsum(x, 0) ** 2, A),
    "cumprod": (jnp.cumprod, V),
    "cummax": (lax.cummax, V),
    "cumlogsumexp": (partial(lax.cumlogsumexp, axis=1), A),
    "cond": (CONTROL_FLOW["cond"], V),
    "a loop of known length": (lambda x: lax.fori_loop(0, 3, lambda i, v: jnp.sin(v) * x + i, x), V),
    "clip": (lambda x: jnp.clip(x, -0.3, 0.3) ** 2, V),
    "where": (lambda x, y: jnp.where(x > y, x * y, jnp.sin(x)), V, W),
    "one_hot": (lambda x: (jax.nn.one_hot(TOKENS, 3) @ x) ** 2, A),
    "remat": (jax.checkpoint(lambda x: jnp.sin(jnp.cos(x)) ** 2), V),
    "remat with a policy": (
        jax.checkpoint(lambda x: jnp.sin(x @ x.T), policy=jax.checkpoint_policies.dots_saveable), A
    ),
    "custom_vjp": (cubed, V),
    "custom_jvp": (sine, V),
    "relu": (jax.nn.relu, V),
    "max of an array": (lambda x: (x.max(0), x.min()), A),
    "maximum": (jnp.maximum, V, W),
    "sort": (lambda x: jnp.sort(x, 1) ** 2, A),
    "top_k": (lambda x: lax.top_k(x, 2)[0] ** 2, A),
    "product": (lambda x: x.prod(1), A),
    "attention masked with -inf": (attention, numbers(3, 2), numbers(3, 2, seed=1)),
    "softplus, gelu, silu": (lambda x: (jax.nn.softplus(x), jax.nn.gelu(x), jax.nn.silu(x)), V),
    "pow": (jnp.power, POSITIVE, W),
    "norms, variance": (lambda x: (jnp.linalg.norm(x, axis=0), x.var(1), x.std()), A),
    "set and add": (lambda x, y: x.at[jnp.array([0, 3])].set(y[:2]).at[jnp.array([3, 3])].add(y[2:4]) ** 2, V, W),
    "dynamic slices": (
        lambda x, y: lax.dynamic_update_slice(x, lax.dynamic_slice(y, (9,), (2,)) * x[:2], (1,)) ** 2, V, W
    ),
    "functions of one number": (
        lambda x: [f(x) for f in (jnp.tan, jnp.arcsin, jnp.arctanh, jnp.sinh, jnp.expm1, jnp.log1p, jnp.tanh)], SMALL
    ),
    "functions of a positive number": (
        lambda x: [f(x) for f in (jnp.log, jnp.sqrt, lax.rsqrt, lax.lgamma, jnp.exp2, lambda v: 1 / v)], POSITIVE
    ),
    "bidirectional product": (partial(jnp.einsum, "bij,kjb->ikb"), numbers(2, 3, 2), numbers(2, 2, 2)),
    "pad": (lambda x: lax.pad(x, 0.5, [(0, 1, 2), (-1, 2, 0)]) ** 2, A),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_in_balls_are_the_slopes_in_balls(name):
    assert_gradient_is_the_slope(*DIFFERENTIABLE[name])


@pytest.mark.parametrize("name", [
    "an LSTM through scan", "max pooling", "embedding with repeated tokens", "conv in groups", "cumlogsumexp", "cond",
    "clip", "custom_vjp", "attention masked with -inf", "take with fill", "remat", "a loop of known length", "sort",
])  # fmt: skip
def test_gradients_under_vmap_are_the_slopes_in_balls(name):
    f, *args = DIFFERENTIABLE[name]
    several = jax.tree.map(lambda x: np.stack([x, x * 0.5 + 0.01]), args)
    gradients = jax.vmap(jax.grad(scalar(f), argnums=tuple(range(len(args)))))
    together = jax.tree.leaves(in_balls(gradients)(*several))
    rows = zip(*(list(x) for x in jax.tree.leaves(several)), strict=True)
    for row, inputs in enumerate(rows):
        given = jax.tree.unflatten(jax.tree.structure(several), inputs)
        alone = in_balls(jax.grad(scalar(f), argnums=tuple(range(len(args)))))(*given)
        for x, y in zip(together, jax.tree.leaves(alone), strict=True):
            assert np.abs(midpoints(x[row] - y)).max() < 1e-70
    assert_values_agree(gradients, *several, rounding=1e-13)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_in_balls_agree_with_gradients_in_float64(name):
    f, *args = DIFFERENTIABLE[name]
    assert_values_agree(jax.grad(scalar(f), argnums=tuple(range(len(args)))), *args, rounding=2e-14)


@pytest.mark.parametrize("name", ["max pooling", "max of an array", "sort", "cumprod", "cumlogsumexp"])
def test_forward_mode_gradients_are_those_of_reverse_mode(name):
    f, x = DIFFERENTIABLE[name]
    x = x.ravel()[:8].reshape(1, 1, 4, 2) if name == "max pooling" else x
    forward, reverse = in_balls(jax.jacfwd(f))(x), in_balls(jax.jacrev(f))(x)
    for a, b in zip(jax.tree.leaves(forward), jax.tree.leaves(reverse), strict=True):
        assert np.abs(midpoints(a - b)).max() < 1e-70


def test_the_hessian_of_an_lstm_is_symmetric_to_seventy_digits():
    _, state, xs = lstm_inputs(T=2, B=1, D=1, H=1)
    p = lstm_inputs(T=2, B=1, D=1, H=1)[0]
    hessian = in_balls(jax.hessian(lambda b: scalar(lstm_loss)({**p, "b": b}, state, xs)))(p["b"])
    assert np.abs(midpoints(hessian)).max() > 1e-3
    assert np.abs(midpoints(hessian - hessian.T)).max() < 1e-70


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.booleans(), st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_gradients_of_any_small_recurrence_are_its_slopes(t, h, b, reverse, seed):
    def recurrence(w, s, xs):
        return lax.scan(lambda s, x: (jnp.tanh(s @ w + x), s * x), s, xs, reverse=reverse)

    assert_gradient_is_the_slope(
        recurrence, numbers(h, h, seed=seed), numbers(b, h, seed=seed + 1), numbers(t, b, h, seed=seed + 2)
    )


# -------------------------------------------------------------------------------------------- hypothesis on values

floats = st.floats(-20, 20, allow_subnormal=False)


@given(st.lists(floats, min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_sorting_and_extremes_of_any_list_are_exact(xs):
    x = np.array(xs)
    ours = in_balls(lambda v: (jnp.sort(v), v.max(), v.argmax(), lax.cummin(v), lax.top_k(v, 1)))(x)
    theirs = (np.sort(x), x.max(), x.argmax(), np.minimum.accumulate(x), [[x.max()], [x.argmax()]])
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=False):
        np.testing.assert_array_equal(midpoints(a) if isinstance(a, Balls) else a, b)


@given(st.lists(floats, min_size=1, max_size=8), st.integers(0, 3), st.integers(-2, 3), st.integers(0, 2))
@settings(max_examples=30, deadline=None)
def test_padding_is_jax_padding_for_any_configuration(xs, low, high, interior):
    x = np.array(xs)
    if len(x) + (len(x) - 1) * interior + low + high < 0:
        return
    assert_values_agree(lambda v: lax.pad(v, 0.5, [(low, high, interior)]), x)


# ----------------------------------------------------------------------------------------- errors, and the contract


def test_an_undecided_comparison_names_the_primitive_and_the_line():
    def f(x):
        y = jnp.exp(x) - jnp.exp(x + 0) * 1
        return jnp.where(y > 0, x, -x)  # the line

    line = f.__code__.co_firstlineno + 2
    with pytest.raises(UndecidedComparison, match=rf"`gt` at .*test_jaxpr\.py:{line}\b") as caught:
        in_balls(f)(np.array([1.0]))
    assert caught.value.primitive == "gt"
    assert f"test_jaxpr.py:{line}" in caught.value.where


def test_an_undecided_comparison_inside_a_scan_names_the_inner_line_once():
    def f(x):
        def body(c, t):
            c = jnp.where(jnp.sin(c) ** 2 + jnp.cos(c) ** 2 == 1, c, t)  # the line
            return c, t

        return lax.scan(body, x[0], x)[0]

    line = f.__code__.co_firstlineno + 2
    with pytest.raises(UndecidedComparison, match=rf"^`eq` at \S*test_jaxpr\.py:{line}\b") as caught:
        in_balls(f)(V)
    assert "scan`" not in str(caught.value)


UNKNOWN = {
    "fft": lambda x: jnp.fft.rfft(x).real,
    "reduce_precision": lambda x: lax.reduce_precision(x, 5, 10),
    "nextafter": lambda x: jnp.nextafter(x, x + 1),
    "cholesky": lambda x: jnp.linalg.cholesky(jnp.outer(x, x) + jnp.eye(6)),
    "bitcast_convert_type": lambda x: lax.bitcast_convert_type(x, jnp.int64),
    "pure_callback": lambda x: jax.pure_callback(np.sin, x, x),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_primitive_is_named_with_its_line(name):
    line = UNKNOWN[name].__code__.co_firstlineno
    with pytest.raises(UnknownPrimitive, match=rf"`{name}` at .*test_jaxpr\.py:{line}\b"):
        in_balls(UNKNOWN[name])(V)


def test_complex_numbers_are_refused():
    with pytest.raises(UnknownPrimitive, match=r"at .*test_jaxpr.py.*this is complex"):
        in_balls(lambda x: jnp.exp(1j * x).real)(V)
    with pytest.raises(UnknownPrimitive, match="an input is complex"):
        in_balls(jnp.real)(V + 1j)


def test_the_line_is_the_users_though_jax_traced_its_own_function_for_someone_else_before():
    def root(x):
        return jnp.linalg.cholesky(jnp.outer(x, x))

    trace(lambda x: jnp.linalg.cholesky(jnp.outer(x, x)), V[:5])  # jitted inside JAX: it is traced here, once
    line = root.__code__.co_firstlineno + 1
    with pytest.raises(UnknownPrimitive, match=rf"`cholesky` at .*test_jaxpr\.py:{line}\b"):
        in_balls(root)(V[:5])


def test_of_a_function_without_a_line_in_the_users_code_the_primitive_is_named():
    with pytest.raises(UndecidedComparison, match="`floor`") as caught:
        in_balls(jnp.floor)(as_balls(np.ones(1)) + arb(0, 0.5))
    assert "arithmetic/jaxpr.py" not in str(caught.value)


def test_an_unknown_primitive_in_a_branch_not_taken_does_no_harm():
    f = in_balls(lambda x: lax.cond(x[0] > 1e9, lambda v: jnp.nextafter(v, v + 1), jnp.sin, x))
    np.testing.assert_allclose(midpoints(f(V)), np.sin(V), rtol=1e-14)


@pytest.mark.parametrize(("f", "middle"), [
    (jnp.floor, 2), (jnp.ceil, 2), (jnp.round, 0.5), (jnp.sign, 0), (lambda x: x.astype(int), 2), (lambda x: x > 2, 2),
    (lambda x: x == 2, 2), (lambda x: x.astype(bool), 0), (lambda x: lax.rem(x, 2 + 0 * x), 2), (jnp.argmax, 2),
    (jnp.sort, 2), (lambda x: lax.top_k(x, 1), 2), (lambda x: jnp.isfinite(1 / x), 0),
])  # fmt: skip
def test_what_a_wide_ball_leaves_open_is_refused_not_guessed(f, middle):
    with precision(80):
        wide = as_balls(np.full(2, middle)) + arb(0, 0.25)
    with pytest.raises(UndecidedComparison):
        in_balls(f)(wide)


def test_two_values_for_one_element_are_refused():
    with pytest.raises(CannotEvaluate, match=r"`scatter` at .*test_jaxpr.py.*does not say which"):
        in_balls(lambda x: x.at[jnp.array([1, 1])].set(x[:2]))(V)


def test_a_literal_means_its_exact_binary_value():
    with precision(80):
        exact = arb(0.1)
    assert in_balls(lambda x: x * 0.1)(np.ones(1))[0].real == exact


def test_floats_stay_balls_and_integers_stay_numpy():
    y, n, flag = in_balls(lambda x, n: (x * n, n + 1, n > 2))(np.float32(0.1), np.int32(3))
    assert type(y) is Balls
    assert y.shape == ()
    assert (type(n), n.dtype, flag.dtype) == (np.ndarray, np.int32, bool)
    assert n == 4
    assert flag
    assert float(y[()].real - 3 * arb(float(np.float32(0.1)))) < 1e-70


def test_balls_go_in_with_all_their_digits():
    with precision(80):
        third = as_balls(np.ones(2)) / 3
    with precision(80):
        assert abs(float((in_balls(lambda x: 3 * x)(third)[0].real - 1).mid())) < 1e-78


@pytest.mark.parametrize("digits", [30, 80, 200])
def test_more_digits_give_smaller_radii(digits):
    radius = radii(in_balls(scalar(lstm_loss), digits=digits)(*lstm_inputs()))
    assert 10.0 ** -(digits + 4) < radius < 10.0 ** -(digits - 4)


def test_the_callers_jax_configuration_is_untouched():
    before = jax.config.jax_enable_x64
    in_balls(jax.grad(scalar(lstm_loss)))(*lstm_inputs())
    assert jax.config.jax_enable_x64 == before
    assert jnp.ones(1).dtype == (jnp.float64 if before else jnp.float32)


def test_the_callers_precision_is_untouched():
    with precision(33):
        before = as_balls(np.ones(1))[0] / 3
        in_balls(jnp.sin)(V)
        assert (as_balls(np.ones(1))[0] / 3).real.rad() == before.real.rad()


def test_a_function_is_traced_once_for_each_shape():
    traces = []

    def f(x):
        traces.append(x.shape)
        return x * 2

    g = in_balls(f)
    for x in (V, W, A, as_balls(V), V.astype(np.float32), V[:2]):
        g(x)
    assert traces == [(6,), (3, 4), (2,)]


def test_a_program_computes_with_the_digits_of_its_caller():
    program = trace(lambda x: 1 / (x + 3), np.ones(1))
    for digits in (20, 90):
        with precision(digits):
            assert radii(program(np.zeros(1)))[0] < 10.0**-digits * 10


def test_a_program_refuses_other_shapes_and_structures():
    program = trace(lambda x: x["a"] * 2, {"a": V})
    with pytest.raises(BadInput, match=r"shape \(6,\), got \(2,\)"):
        program({"a": V[:2]})
    with pytest.raises(BadInput, match="traced for inputs"):
        program({"b": V})


def test_results_belong_to_the_caller():
    constants = np.ones(2)
    f = in_balls(lambda x: (x, jnp.asarray(constants), jnp.broadcast_to(x[0], (3,))))
    x = as_balls(V[:2])
    for y in f(x):
        y[0] = 77.0
    assert midpoints(x)[0] == V[0]
    assert midpoints(f(x)[1])[0] == 1


def test_keyword_arguments_and_pytrees_pass_through():
    out = in_balls(lambda x, *, scale: {"y": x * scale["by"], "n": None})(V, scale={"by": 2.0})
    assert midpoints(out["y"]).tolist() == (V * 2).tolist()
    assert out["n"] is None


def test_the_larger_of_two_is_the_object_itself():
    a, b = arb(1, 1e-30), arb(2, 1e-30)
    assert larger(a, b) is b


@pytest.mark.parametrize("f", [lax.erf, lax.erfc, lax.erf_inv, jnp.cbrt, partial(jax.nn.gelu, approximate=False)])
def test_gradients_with_a_constant_that_jax_rounds_have_fifteen_digits_not_seventy_as_documented(f):
    assert_gradient_is_the_slope(f, SMALL, digits=15)
    with pytest.raises(AssertionError, match="input 0"):
        assert_gradient_is_the_slope(f, SMALL)
