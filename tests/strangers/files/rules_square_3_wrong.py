# expect: 1
# The wrong rule at three elements.
import jax
import numpy as np
@jax.custom_vjp
def square(x): return x * x
square.defvjp(lambda x: (x * x, x), lambda x, bar: (3 * x * bar,))
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return square(i["x"]).sum()
gradients = jax.grad(loss)
