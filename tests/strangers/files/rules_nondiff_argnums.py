# expect: 0
# A custom_vjp with a power as its non-differentiable argument.
import functools
import jax
import jax.numpy as jnp
import lstm_ref
@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def power(x, n): return x ** n
power.defvjp(lambda x, n: (x ** n, x), lambda n, x, bar: (bar * n * x ** (n - 1),))
problem = lstm_ref.custom_vjp(lambda x: power(x, 3), jnp.array([0.5, -1.5, 0.3]))
