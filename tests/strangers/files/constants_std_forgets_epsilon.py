# expect: 1
# says: wrong
# The claim leaves the epsilon of 1e-5 out: off by about 1e-5.
import numpy as np
inputs = {"x": np.array([[0.5, -1.5, 0.3], [2.2, 0.9, -0.7], [0.1, 0.8, 0.6], [-1.1, 0.2, 0.4], [1.3, -0.6, 1.9]])}
eps = 1e-5
def forward(i):
    x = i["x"]
    return (x - x.mean(0)) / np.sqrt(x.var(0) + eps)
def backward(i, dy):
    x = i["x"]
    N = x.shape[0]
    xhat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0))
    return {"x": (N * dy - dy.sum(0) - xhat * (dy * xhat).sum(0)) / (N * np.sqrt(x.var(axis=0)))}
