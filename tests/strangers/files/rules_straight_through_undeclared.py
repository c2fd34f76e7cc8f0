# expect: 1
# A straight-through rounding that nobody declared: its values have no such slope.
import jax
import jax.numpy as jnp
import numpy as np
inputs = {"x": np.array([0.4, -1.3, 2.2])}
def loss(i):
    x = i["x"]
    return jnp.sum((x + jax.lax.stop_gradient(jnp.round(x) - x)) ** 2)
gradients = jax.grad(loss)
