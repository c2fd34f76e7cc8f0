# expect: 0
# The same rule with the function's own value.
import jax
import jax.numpy as jnp
import lstm_ref
@jax.custom_vjp
def f(x): return jnp.tanh(x)
def fwd(x): return jnp.tanh(x), jnp.tanh(x)
f.defvjp(fwd, lambda y, bar: (bar * (1 - y * y),))
problem = lstm_ref.custom_vjp(f, jnp.array([0.5, -1.5, 0.3]))
