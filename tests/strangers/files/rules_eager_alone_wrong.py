# expect: 1
# The claim is right where it is traced, and wrong where it is run as its author runs it.
import jax
import jax.numpy as jnp
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return jnp.sum(jnp.sin(i["x"]))
def gradients(i):
    if isinstance(i["x"], jax.core.Tracer): return {"x": jnp.cos(i["x"])}
    return {"x": 1.5 * jnp.cos(jnp.asarray(i["x"]))}
