# expect: 1
# says: every wrong gradient passes through
# never: defect
# bfloat16 that is multiplied in float32: an edit of the graph hands float64 to an equation of float32.
import jax, jax.numpy as jnp
import lstm_ref
def core(w, x):
    a = jnp.matmul(x, w, preferred_element_type=jnp.float32)
    return (jnp.tanh(a) * jax.nn.sigmoid(a)).astype(jnp.bfloat16)
f = jax.custom_vjp(core)
def bwd(res, g):
    w, x = res
    g = g.astype(jnp.float32)
    a = jnp.matmul(x, w, preferred_element_type=jnp.float32)
    t, s = jnp.tanh(a), jax.nn.sigmoid(a)
    da = g * (s * (1 - t * t) + t * s)       # (1 - s) is missing
    b = lambda v: v.astype(jnp.bfloat16)
    return b(x.T.astype(jnp.float32) @ da), b(da @ w.T.astype(jnp.float32))
f.defvjp(lambda w, x: (core(w, x), (w, x)), bwd)
k = jax.random.split(jax.random.PRNGKey(0), 2)
problem = lstm_ref.custom_vjp(f, jax.random.normal(k[0], (3, 5)).astype(jnp.bfloat16), jax.random.normal(k[1], (2, 3)).astype(jnp.bfloat16))
