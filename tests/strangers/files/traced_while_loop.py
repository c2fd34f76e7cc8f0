# expect: 0
# never: defect
# JAX's while loop, which has no reverse mode.
import jax, jax.numpy as jnp
from jax import lax
import numpy as np
inputs = {"a": np.array([2.0, 7.0, 0.3]), "m": np.array([.5, -.2, .9])}
def forward(i):
    a = i["a"]
    y = lax.while_loop(lambda y: jnp.any(jnp.abs(y * y - a) > 1e-13), lambda y: 0.5 * (y + a / y), a)
    r = lax.fori_loop(0, 4, lambda k, m: jnp.where(k % 2 == 0, jnp.sin(m), m * m), i["m"])
    return {"y": y, "r": r}
def backward(i, bar):
    y = jnp.sqrt(i["a"]); m = i["m"]
    s1 = jnp.sin(m); s2 = s1 * s1; s3 = jnp.sin(s2)
    return {"a": bar["y"] * 1 / (2 * y), "m": bar["r"] * 2 * s3 * jnp.cos(s2) * 2 * s1 * jnp.cos(m)}
