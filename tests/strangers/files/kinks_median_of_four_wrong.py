# expect: 1
# A median of four is the mean of two, and the claim gives each of them all of it.
import numpy as np
inputs = {"x": np.array([0.5, 2.0, 1.0, -0.3])}
def loss(i): return float(np.median(np.asarray(i["x"], float)) ** 2)
def gradients(i):
    x = np.asarray(i["x"], float)
    mid = np.isin(x, np.sort(x)[1:3])
    return {"x": 2 * np.median(x) * mid}
