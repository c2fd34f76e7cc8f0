# expect: 0
# says: JAX
# A real loss of complex numbers and its gradient as jax.grad has it, dL/da - i dL/db.
import jax.numpy as jnp
import jax
import numpy as np
inputs = {"z": np.array([0.5 + 0.2j, -1.5 + 1j, 0.3 - 0.9j])}
def loss(i): return jnp.sum(jnp.real(i["z"]) ** 2 + 3 * jnp.imag(i["z"]) ** 2)
def gradients(i): return {"z": 2 * jnp.real(i["z"]) - 6j * jnp.imag(i["z"])}
