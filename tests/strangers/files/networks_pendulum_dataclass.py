# expect: 0
# A model as a dataclass with methods, parameters read by attribute; the file's definitions are in a class.
from dataclasses import dataclass
import numpy as np
@dataclass
class Model:
    w: object
    b: object
    def __call__(self, x): return np.tanh(self.w * x + self.b)
    def grad(self, x, bar):
        s = bar * (1 - self(x) ** 2)
        return Model((s * x).sum(keepdims=True), s.sum(keepdims=True))
xs = np.linspace(-1, 1, 7)
class check:
    inputs = {"w": np.array([0.6]), "b": np.array([-0.1])}
    def forward(i): return Model(**i)(xs)
    def backward(i, bar): return vars(Model(**i).grad(xs, bar))
