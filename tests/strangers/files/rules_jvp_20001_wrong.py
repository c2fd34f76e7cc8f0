# expect: 1
# A custom_jvp that forgets the inner factor, over 20,000 elements.
import jax
import jax.numpy as jnp
import numpy as np
@jax.custom_jvp
def f(x): return jnp.sin(3 * x)
f.defjvp(lambda p, t: (f(p[0]), t[0] * jnp.cos(3 * p[0])))
inputs = {"x": np.random.default_rng(0).standard_normal(20001)}
def loss(i): return f(i["x"]).sum()
gradients = jax.grad(loss)
