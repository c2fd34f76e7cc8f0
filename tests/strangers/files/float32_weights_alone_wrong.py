# expect: 1
# Weights are float32, data float64, and the claim lacks the factor of t.
import numpy as np
X = np.random.RandomState(0).randn(4, 3)
inputs = {"w": np.random.RandomState(1).randn(3, 2).astype(np.float32)}
def loss(i): return (np.tanh(X @ i["w"]) ** 2).sum()
def gradients(i):
    t = np.tanh(X @ i["w"])
    return {"w": (X.T @ (2 * (1 - t * t))).astype(np.float32)}
