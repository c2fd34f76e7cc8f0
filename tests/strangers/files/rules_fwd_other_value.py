# expect: 1
# A custom rule whose forward returns another value than the function: tanh + 1e-3.
import jax
import jax.numpy as jnp
import lstm_ref
@jax.custom_vjp
def f(x): return jnp.tanh(x)
def fwd(x): return jnp.tanh(x) + 1e-3, jnp.tanh(x)
f.defvjp(fwd, lambda y, bar: (bar * (1 - y * y),))
problem = lstm_ref.custom_vjp(f, jnp.array([0.5, -1.5, 0.3]))
