# expect: 0
# A layer that counts its calls and keeps running statistics that its output does not read.
import numpy as np
class Norm:
    calls, running = 0, 0.0
    def forward(self, i):
        self.calls += 1
        self.running = 0.9 * self.running + 0.1 * float(np.asarray(i["x"], dtype=float).mean()) if i["x"].dtype == float else self.running
        self.m = i["x"].mean()
        return i["x"] - self.m
    def backward(self, i, bar): return {"x": bar - bar.mean()}
n = Norm()
inputs = {"x": np.array([0.5, -1.5, 0.3])}
forward, backward = n.forward, n.backward
