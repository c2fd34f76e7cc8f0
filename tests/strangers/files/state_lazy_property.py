# expect: 0
# Parameters behind properties, the activations computed when first asked for after every set.
import numpy as np
class Model:
    def set(self, i): self.i, self._a = i, None
    @property
    def a(self):
        if self._a is None: self._a = np.tanh(self.i["x"] @ self.i["w"])
        return self._a
m = Model()
def inputs(rng): return {"x": rng.normal(size=(3, 2)), "w": rng.normal(size=(2, 2))}
def forward(i):
    m.set(i)
    return m.a / 3
def backward(i, bar):
    d = bar / 3 * (1 - m.a ** 2)
    return {"x": d @ m.i["w"].T, "w": m.i["x"].T @ d}
