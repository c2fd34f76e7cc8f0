# expect: 0
# Accumulators on self, set to zero in forward, added to in backward.
import numpy as np
class Linear:
    def __init__(self): self.dW = self.db = None
    def zero_grad(self): self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)
    def forward(self, i):
        self.x, self.W, self.b = i["x"], i["W"], i["b"]
        self.zero_grad()
        return self.x @ self.W + self.b
    def backward(self, i, dout):
        for n in range(len(self.x)):
            self.dW += np.outer(self.x[n], dout[n])
            self.db += dout[n]
        return {"W": self.dW, "b": self.db, "x": dout @ self.W.T}
lin = Linear()
rng = np.random.RandomState(0)
inputs = {"W": rng.randn(2, 3), "b": rng.randn(3), "x": rng.randn(5, 2)}
forward, backward = lin.forward, lin.backward
