# expect: 0
# Both are jitted by their author.
import jax
import jax.numpy as jnp
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3]), "s": np.array(0.7)}
@jax.jit
def loss(i): return jnp.sum(jnp.sin(i["x"]) * i["s"])
@jax.jit
def gradients(i): return {"x": jnp.cos(i["x"]) * i["s"], "s": jnp.sin(i["x"]).sum()}
