# expect: 1
# says: the values decide when the loop at loops_jax_fixed_point_wrong.py:9 ends
# A fixed point by JAX's while loop, and its gradient by the implicit function theorem.
import jax.numpy as jnp, numpy as np
from jax import lax
inputs = {"a": np.array([2.0, 7.0, 0.3])}
def solve(a):

    return lax.while_loop(lambda s: jnp.any(jnp.abs(s - jnp.cos(s) * a / 10) > 1e-7), lambda s: jnp.cos(s) * a / 10, a)
def forward(i): return solve(i["a"])
def backward(i, bar):
    y = solve(i["a"])
    return {"a": bar * jnp.cos(y) / 10 / (1 + jnp.sin(y) * i["a"] / 10)}
