# expect: 1
# says: wrong
# GELU whose claim has pi where 2 pi belongs.
import jax
import jax.numpy as jnp
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return jax.nn.gelu(i["x"], approximate=False).sum()
def gradients(i):
    x = i["x"]
    return {"x": 0.5 * (1 + jax.scipy.special.erf(x / jnp.sqrt(2.0))) + x * jnp.exp(-x * x / 2) / jnp.sqrt(jnp.pi)}
