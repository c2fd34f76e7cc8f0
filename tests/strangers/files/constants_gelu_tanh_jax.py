# expect: 0
# GELU's tanh form by jax.nn, the claim with the constant typed out.
import jax
import jax.numpy as jnp
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return jax.nn.gelu(i["x"], approximate=True).mean()
def gradients(i):
    x, c = i["x"], 0.7978845608028654
    t = jnp.tanh(c * (x + 0.044715 * x ** 3))
    return {"x": (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 0.134145 * x * x)) / 3}
