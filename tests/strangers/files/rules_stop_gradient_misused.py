# expect: 1
# stop_gradient around a normaliser that does not cancel.
import jax
import jax.numpy as jnp
import numpy as np
inputs = {"z": np.array([0.5, -1.5, 0.3])}
def loss(i): return jnp.sum(jnp.sin(i["z"] / jax.lax.stop_gradient(jnp.sqrt(jnp.sum(i["z"] ** 2)))))
gradients = jax.grad(loss)
