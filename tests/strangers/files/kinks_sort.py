# expect: 0
# A sum of the three largest, by np.sort; the claim by np.argsort.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3, 2.5, 0.9])}
def loss(i): return float((np.sort(np.asarray(i["x"], float))[-3:] ** 2).sum())
def gradients(i):
    x = np.asarray(i["x"], float)
    g = np.zeros(5)
    top = np.argsort(x)[-3:]
    g[top] = 2 * x[top]
    return {"x": g}
