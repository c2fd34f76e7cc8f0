# expect: 0
# never: 2 times what it should be
# An accumulator is cleared in forward alone, and backward returns the accumulator itself.
import numpy as np
class Op:
    def forward(self, i):
        self.x = i["x"]
        self.d = np.zeros_like(self.x)
        return np.exp(self.x)
    def backward(self, i, bar):
        self.d += np.exp(self.x) * bar
        return {"x": self.d}
op = Op()
inputs = {"x": np.array([0.5, -1.5, 0.3, 0.0])}
forward, backward = op.forward, op.backward
