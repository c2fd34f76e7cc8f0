# expect: 1
# The layer object forgets the square of its output.
import numpy as np
class Layer:
    def forward(self, i): self.y = np.tanh(i["x"]); return self.y
    def backward(self, i, bar): return {"x": bar * (1 - self.y)}
layer = Layer()
inputs = {"x": np.array([0.5, -1.5, 0.3])}
forward, backward = layer.forward, layer.backward
