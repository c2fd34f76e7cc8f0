# expect: 1
# An argument of a custom rule has a leaf that is no float: the others must be checked all the same.
import jax
import jax.numpy as jnp
import lstm_ref
@jax.custom_vjp
def f(p, x): return jnp.sum(p["w"] ** p["n"] * x)
def bwd(kept, bar):
    p, x = kept
    return {"w": bar * p["w"] * x, "n": None}, bar * p["w"] ** 2
f.defvjp(lambda p, x: (f(p, x), (p, x)), bwd)
problem = lstm_ref.custom_vjp(f, {"w": jnp.array([0.5, 2.0]), "n": 2}, jnp.array([0.3, 0.7]))
