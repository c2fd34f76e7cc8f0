# expect: 0
# Dropout: the forward draws its mask from a key, which gives other numbers in float64; the backward has seen the mask of
# JAX's default mode.
import jax
import jax.numpy as jnp

KEY = jax.random.PRNGKey(7)
ROWS, UNITS, INPUTS = 3, 5, 4
MASK = jax.random.bernoulli(KEY, 0.6, (ROWS, UNITS)) / 0.6


def inputs(rng):
    return {"w": rng.standard_normal((INPUTS, UNITS), "float32"), "x": rng.standard_normal((ROWS, INPUTS), "float32")}


def forward(i):
    keep = jax.random.bernoulli(KEY, 0.6, (ROWS, UNITS)) / 0.6
    return jnp.tanh(i["x"] @ i["w"]) * keep


def backward(i, dy):
    da = dy * MASK * (1 - jnp.tanh(i["x"] @ i["w"]) ** 2)
    return {"w": i["x"].T @ da, "x": da @ i["w"].T}
