# expect: 0
# A median of five, float-only.
import numpy as np
inputs = {"x": np.array([0.5, 2.0, 1.0, -0.3, 0.7])}
def loss(i): return float(np.median(np.asarray(i["x"], float)) ** 2)
def gradients(i):
    x = np.asarray(i["x"], float)
    return {"x": 2 * np.median(x) * (x == np.median(x))}
