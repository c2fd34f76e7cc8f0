# expect: 1
# The tape is kept from the very first forward and never renewed: at other inputs it is another gradient.
import numpy as np
class Layer:
    y = None
    def forward(self, i):
        y = i["x"] ** 2 * i["w"]
        if self.y is None: self.y = 0.5 * y
        return y
    def backward(self, i, bar): return {"x": 2 * bar * i["x"] * i["w"], "w": bar * self.y}
layer = Layer()
inputs = {"x": np.array([0.5, -1.5, 0.3]), "w": np.array([0.2, 0.4, 0.9])}
forward, backward = layer.forward, layer.backward
