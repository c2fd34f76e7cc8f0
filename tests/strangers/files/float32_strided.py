# expect: 0
# A float32 buffer filled through a strided view.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3, 0.9])}
def forward(i):
    buf = np.zeros((4, 2), np.float32)
    buf[:, 1] = np.exp(i["x"])
    return buf[:, 1].astype(np.float64) * 2
def backward(i, bar): return {"x": 2 * bar * np.exp(i["x"])}
