# expect: 1
# g[idx] += d forgets that an index comes twice.
import numpy as np
r = np.random.default_rng(0)
idx = np.array([2, 0, 2, 3])
inputs = {"E": r.standard_normal((5, 3))}
def forward(i): return np.tanh(i["E"][idx])
def backward(i, bar):
    g = np.zeros_like(i["E"])
    g[idx] += bar * (1 - np.tanh(i["E"][idx]) ** 2)
    return {"E": g}
