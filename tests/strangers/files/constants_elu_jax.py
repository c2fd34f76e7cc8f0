# expect: 0
# ELU by jax.nn with alpha 0.3, the claim by exp and expm1.
import jax
import jax.numpy as jnp
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3, -0.01])}
def loss(i): return jnp.mean(jax.nn.elu(i["x"], 0.3))
def gradients(i): return {"x": jnp.where(i["x"] > 0, 1.0, 0.3 * jnp.exp(i["x"])) / 4}
