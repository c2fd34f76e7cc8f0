# expect: 0
# The same rule, put right, over 20,000 elements.
import jax
import numpy as np
@jax.custom_vjp
def square(x): return x * x
square.defvjp(lambda x: (x * x, x), lambda x, bar: (2 * x * bar,))
inputs = {"x": np.random.default_rng(0).standard_normal(20001)}
def loss(i): return square(i["x"]).sum()
gradients = jax.grad(loss)
