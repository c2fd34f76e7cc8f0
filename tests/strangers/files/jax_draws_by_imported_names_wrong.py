# expect: 1
# says: lacks the derivative of tanh
# The same, and the derivative of tanh is forgotten.
import jax.numpy as jnp
import numpy as np
from jax.random import PRNGKey, bernoulli

KEY = PRNGKey(3)
MASK = np.asarray(bernoulli(KEY, 0.6, (4, 5)))


def inputs(rng):
    return {"x": rng.standard_normal((4, 3)).astype(np.float32), "w": rng.standard_normal((3, 5)).astype(np.float32)}


def forward(i):
    a = jnp.asarray(i["x"]) @ i["w"]
    return jnp.tanh(a) * bernoulli(KEY, 0.6, (4, 5)) / 0.6


def backward(i, bar):
    a = bar * MASK / 0.6
    return {"x": a @ i["w"].T, "w": i["x"].T @ a}
