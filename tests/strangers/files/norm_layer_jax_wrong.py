# expect: 1
# says: what jnp.var(x, -1, keepdims=True) hands back to x is missing
# Layer norm by jnp.var whose backward forgets that the variance depends on x.
import jax.numpy as jnp
import numpy as np

rng = np.random.default_rng(3)
inputs = {"x": rng.normal(size=(5, 7))}


def forward(i):
    x = i["x"]
    mu = jnp.mean(x, -1, keepdims=True)
    var = jnp.var(x, -1, keepdims=True)
    return (x - mu) / jnp.sqrt(var + 1e-5)


def backward(i, dy):
    x = i["x"]
    std = jnp.sqrt(jnp.var(x, -1, keepdims=True) + 1e-5)
    return {"x": (dy - dy.mean(-1, keepdims=True)) / std}
