# expect: 0
# never: 2 times what it should be
# The same buffer is returned at every call, cleared at its beginning.
import numpy as np
class Op:
    def __init__(self): self.d = None
    def forward(self, i): self.x = i["x"]; return self.x ** 3
    def backward(self, i, bar):
        if self.d is None or self.d.dtype != self.x.dtype: self.d = np.zeros_like(self.x)
        self.d[...] = 0
        self.d += 3 * self.x ** 2 * bar
        return {"x": self.d}
op = Op()
inputs = {"x": np.array([0.5, -1.5, 0.3])}
forward, backward = op.forward, op.backward
