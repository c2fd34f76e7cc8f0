# expect: 0
# says: float32 inside
# Everything is cast to float32 at the door, and the gradient back.
import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(6, 3)).astype(np.float32)
inputs = {"w": rng.normal(size=(3, 2))}
def loss(i):
    w = i["w"].astype(np.float32)
    return float((np.tanh(X @ w) ** 2).sum())
def gradients(i):
    w = i["w"].astype(np.float32)
    t = np.tanh(X @ w)
    return {"w": (X.T @ (2 * t * (1 - t * t))).astype(np.float64)}
