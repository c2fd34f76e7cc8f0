# expect: 1
# A buffer of float32, and a claim that is wrong by two per cent in one element.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def forward(i):
    out = np.zeros(3, "f")
    for k in range(3): out[k] = np.tanh(i["x"][k])
    return out
def backward(i, bar): return {"x": bar * (1 - np.tanh(i["x"]) ** 2) * np.array([1, 1, 1.02])}
