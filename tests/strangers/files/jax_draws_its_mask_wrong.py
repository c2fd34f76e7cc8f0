# expect: 1
# says: lacks the derivative of tanh
# never: 0.9999
# The same, and the derivative of tanh is forgotten: keys of random numbers are values of the graph too.
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
    da = dy * MASK
    return {"w": i["x"].T @ da, "x": da @ i["w"].T}
