# expect: 0
# x * stop_gradient(x) is a square whatever autodiff says, and the claim is 2x, over 20,000 elements.
import jax
import numpy as np
inputs = {"x": np.random.default_rng(0).standard_normal(20001)}
def loss(i): return (i["x"] * jax.lax.stop_gradient(i["x"])).sum()
def gradients(i): return {"x": 2 * i["x"]}
