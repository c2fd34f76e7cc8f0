# expect: 1
# says: what W @ h hands back to jnp.tanh(W @ h + u) has a matrix that is not transposed
# never: gradient of has
# The same with a matrix that is not transposed: what is read has a name, though vmap moved it.
import jax, jax.numpy as jnp, numpy as np
@jax.custom_vjp
def step(h, W, u):
    return jnp.tanh(W @ h + u)
def fwd(h, W, u):
    y = jnp.tanh(W @ h + u)
    return y, (h, W, y)
def bwd(res, bar):
    h, W, y = res
    a = bar * (1 - y * y)
    return W @ a, jnp.outer(a, h), a
step.defvjp(fwd, bwd)
def one(W, V, xs):
    body = jax.checkpoint(lambda h, x: (step(h, W, V @ x), None))
    return jax.lax.scan(body, jnp.zeros(2), xs)[0]
batched = jax.vmap(one, in_axes=(None, None, 0))
def loss(p): return jnp.mean(batched(p["W"], p["V"], p["xs"]) ** 2)
gradients = jax.jit(jax.grad(loss))
def inputs(rng): return {"W": rng.normal(size=(2, 2)), "V": rng.normal(size=(2, 1)), "xs": rng.normal(size=(3, 3, 1))}
