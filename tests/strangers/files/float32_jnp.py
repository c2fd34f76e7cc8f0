# expect: 0
# A cast to float32 in the middle of JAX code.
import jax.numpy as jnp
import numpy as np
inputs = {"w": np.array([[0.3, -0.7], [0.5, 0.2], [0.9, -0.4]]), "x": np.array([0.8, -1.3])}
def loss(i):
    h = jnp.tanh(i["w"] @ i["x"]).astype(jnp.float32)
    return jnp.sum(h ** 2)
def gradients(i):
    h = jnp.tanh(i["w"] @ i["x"])
    a = 2 * h * (1 - h ** 2)
    return {"w": jnp.outer(a, i["x"]), "x": i["w"].T @ a}
