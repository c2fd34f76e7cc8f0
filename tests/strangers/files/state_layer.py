# expect: 0
# A layer object keeps its output between forward and backward.
import numpy as np
class Layer:
    def forward(self, i): self.y = np.tanh(i["x"]); return self.y
    def backward(self, i, bar): return {"x": bar * (1 - self.y ** 2)}
layer = Layer()
inputs = {"x": np.array([0.5, -1.5, 0.3])}
forward, backward = layer.forward, layer.backward
