import numpy as np
class Tanh:
    def forward(self, x): self.y = np.tanh(x); return self.y
    def backward(self, b): return b * (1 - self.y)
