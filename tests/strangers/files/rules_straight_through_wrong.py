# expect: 1
# A straight-through sign, declared, whose claim clips besides.
import jax
import jax.numpy as jnp
import numpy as np
estimator = "straight-through"
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return jnp.sum(jnp.array([1.0, 2.0, 3.0]) * jnp.sign(i["x"]))
def definition(i):
    x = i["x"]
    return jnp.sum(jnp.array([1.0, 2.0, 3.0]) * (x + jax.lax.stop_gradient(jnp.sign(x) - x)))
def gradients(i): return {"x": jnp.array([1.0, 2.0, 3.0]) * (jnp.abs(i["x"]) < 1)}
