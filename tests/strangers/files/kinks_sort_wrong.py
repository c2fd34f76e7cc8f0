# expect: 1
# The claim writes the sorted values, and does not put them back where they came from.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3, 2.5, 0.9])}
def loss(i): return float((np.sort(np.asarray(i["x"], float))[-3:] ** 2).sum())
def gradients(i):
    x = np.sort(np.asarray(i["x"], float))
    return {"x": 2 * x * (np.arange(5) > 1)}
