# expect: 1
# x * stop_gradient(x), with what autodiff says of it as the claim.
import jax
import numpy as np
inputs = {"x": np.random.default_rng(0).standard_normal(20001)}
def loss(i): return (i["x"] * jax.lax.stop_gradient(i["x"])).sum()
gradients = jax.grad(loss)
