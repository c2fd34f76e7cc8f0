# expect: 0
# jnp.average with weights that are normalised on the way.
import jax.numpy as jnp
import numpy as np
w = np.array([0.1, 0.2, 0.4])
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return jnp.average(jnp.exp(i["x"]), weights=w)
def gradients(i): return {"x": w / w.sum() * jnp.exp(i["x"])}
