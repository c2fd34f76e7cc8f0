# expect: 1
# says: The mistake: what x hands back to A
# A nonlinear system in JAX's float32, whose states are taken one step late: named, though float32 has few digits.
import jax, jax.numpy as jnp
from typing import NamedTuple
class P(NamedTuple):
    A: jax.Array
    B: jax.Array
    C: jax.Array
key = jax.random.split(jax.random.PRNGKey(0), 4)
inputs = {"p": P(jax.random.normal(key[0], (4, 4)) * .4, jax.random.normal(key[1], (4, 2)), jax.random.normal(key[2], (3, 4))), "u": jax.random.normal(key[3], (5, 2))}
def sim(p, u):
    def f(x, ut):
        x = jax.nn.softplus(p.A @ x + p.B @ ut)
        return x, x
    return jax.lax.scan(f, jnp.ones(4), u)[1]
def forward(i): return sim(i["p"], i["u"]) @ i["p"].C.T
def backward(i, Y):
    p, u = i["p"], i["u"]
    xs = sim(p, u)
    prev = jnp.vstack([jnp.ones(4), xs[:-1]])
    def f(lam, t):
        lam = lam + p.C.T @ Y[t]
        d = lam * (1 - jnp.exp(-xs[t]))
        return p.A.T @ d, d
    _, D = jax.lax.scan(f, jnp.zeros(4), jnp.arange(5), reverse=True)
    return {"p": P(D.T @ xs, D.T @ u, Y.T @ xs), "u": D @ p.B}
