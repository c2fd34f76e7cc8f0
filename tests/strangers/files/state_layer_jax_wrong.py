# expect: 1
# never: UnexpectedTracerError
# The layer object in JAX applies the derivative of tanh twice.
import jax.numpy as jnp
import numpy as np
class Layer:
    def __call__(self, i):
        self.x, self.w = i["x"], i["w"]
        self.y = jnp.tanh(self.x @ self.w)
        return self.y
    def backward(self, i, bar):
        a_bar = bar * (1 - self.y ** 2) * (1 - self.y ** 2)
        return {"x": a_bar @ self.w.T, "w": self.x.T @ a_bar}
layer = Layer()
rng = np.random.default_rng(0)
inputs = {"x": rng.normal(size=(3, 2)), "w": rng.normal(size=(2, 5))}
forward, backward = layer, layer.backward
