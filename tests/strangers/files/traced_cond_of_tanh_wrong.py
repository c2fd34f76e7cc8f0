# expect: 1
# says: the derivative of tanh
# says: lax.cond(t % 2 == 0, jnp.tanh, lambda h: h * i["s"], h)
# never: in :0
# never: with the same effect
# never: gradient of lacks
# The derivative of tanh is forgotten, a function of JAX's that is itself a branch.
import jax.numpy as jnp
from jax import lax

def inputs(rng):
    return {"h": rng.normal(size=3), "s": rng.normal(size=3)}

def forward(i):
    def body(t, h):
        return lax.cond(t % 2 == 0, jnp.tanh, lambda h: h * i["s"], h)
    return lax.fori_loop(0, 4, body, i["h"])

def backward(i, g):
    hs, ds = [i["h"]], jnp.zeros_like(g)
    for t in range(4):
        hs.append(hs[-1] * i["s"] if t % 2 else jnp.tanh(hs[-1]))
    for t in reversed(range(4)):
        if t % 2:
            g, ds = g * i["s"], ds + g * hs[t]
    return {"h": g, "s": ds}
