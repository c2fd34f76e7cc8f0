# expect: 1
# never: defect
# The way back through an associative scan reads the decay of its own step and not of the next one.
import jax, jax.numpy as jnp, numpy as np
def op(l, r): return r[0] * l[0], r[0] * l[1] + r[1]
def forward(i): return jax.lax.associative_scan(op, (i["a"], i["b"]))[1]
def backward(i, bar):
    hs = forward(i)
    db = jax.lax.associative_scan(op, (i["a"][::-1], bar[::-1]))[1][::-1]
    return {"a": db * jnp.concatenate([jnp.zeros(1), hs[:-1]]), "b": db}
def inputs(rng): return {"a": rng.uniform(0.2, 0.9, 5), "b": rng.normal(size=5)}
