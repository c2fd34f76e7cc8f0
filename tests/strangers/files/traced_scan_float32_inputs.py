# expect: 0
# A scan whose carry is float32 by name, and inputs of float32: promoted to float64 it does not trace.
import jax
import jax.numpy as jnp
import numpy as np
inputs = {"x": np.random.RandomState(0).randn(4, 2).astype(np.float32), "w": np.array([0.5, -0.7], np.float32)}
def loss(i):
    def step(c, x): return jnp.sin(i["w"] * c + x), None
    return jnp.sum(jax.lax.scan(step, jnp.zeros((2,), dtype=jnp.float32), i["x"])[0])
gradients = jax.grad(loss)
