# expect: 0 or 1
# Normalises its input in place, on the copy that it was given: x /= 2, as in-place code does.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def forward(i):
    x = i["x"]
    x /= 2
    return np.sin(x)
def backward(i, bar): return {"x": bar * np.cos(i["x"] / 2) / 2}
