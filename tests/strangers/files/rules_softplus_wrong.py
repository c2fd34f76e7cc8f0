# expect: 1
# says: return jnp.exp(-softplus(lam)) * x
# never: in :0
# never: gradient of has
# The derivative of softplus is forgotten. Its equations lie in a rule of JAX's own, in which no line is the user's.
import jax
import jax.numpy as jnp
import lstm_ref
from jax.nn import softplus

def run(lam, x):
    return jnp.exp(-softplus(lam)) * x

decay = jax.custom_vjp(run)

def bwd(saved, g):
    lam, x = saved
    a = jnp.exp(-softplus(lam))
    return (g * x * -a).sum(0), g * a

decay.defvjp(lambda lam, x: (run(lam, x), (lam, x)), bwd)
k = jax.random.split(jax.random.PRNGKey(0), 2)
problem = lstm_ref.custom_vjp(decay, jax.random.normal(k[0], (3,)), jax.random.normal(k[1], (5, 3)))
