# expect: 0
# says: w
# The same rule with a leaf that is no float, right.
import jax
import jax.numpy as jnp
import lstm_ref
@jax.custom_vjp
def f(p, x): return jnp.sum(p["w"] ** p["n"] * x)
def bwd(kept, bar):
    p, x = kept
    return {"w": 2 * bar * p["w"] * x, "n": None}, bar * p["w"] ** 2
f.defvjp(lambda p, x: (f(p, x), (p, x)), bwd)
problem = lstm_ref.custom_vjp(f, {"w": jnp.array([0.5, 2.0]), "n": 2}, jnp.array([0.3, 0.7]))
