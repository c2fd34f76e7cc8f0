# expect: 0 or 2
# A hidden state kept in float16 "to save memory", a gradient computed in float64.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3, 0.9])}
def forward(i):
    h = np.empty(4, dtype=np.float16)
    h[:] = np.sin(i["x"])
    return h.astype(float) * 3
def backward(i, bar): return {"x": 3 * bar * np.cos(i["x"])}
