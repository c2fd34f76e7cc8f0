# expect: 1
# says: wrong
# Least squares divided by n - 1 in the claim of the bias alone.
import numpy as np
rng = np.random.default_rng(3)
X, y = rng.normal(size=(7, 3)), rng.normal(size=7)
n = len(y)
inputs = {"w": rng.normal(size=3), "b": 0.3}
def loss(p): return np.mean((X @ p["w"] + p["b"] - y) ** 2)
def gradients(p):
    r = X @ p["w"] + p["b"] - y
    return {"w": (2 / n) * X.T @ r, "b": (2 / (n - 1)) * r.sum()}
