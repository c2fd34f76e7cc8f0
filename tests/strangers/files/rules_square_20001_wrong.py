# expect: 1
# A derivative rule that is wrong (3 for 2), over 20,000 elements: it must not judge itself.
import jax
import numpy as np
@jax.custom_vjp
def square(x): return x * x
square.defvjp(lambda x: (x * x, x), lambda x, bar: (3 * x * bar,))
inputs = {"x": np.random.default_rng(0).standard_normal(20001)}
def loss(i): return square(i["x"]).sum()
gradients = jax.grad(loss)
