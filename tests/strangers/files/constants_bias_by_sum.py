# expect: 0
# never: times what it should be
# The gradient of a bias is a column sum; the loss averages over a batch of three.
import numpy as np
C = np.random.default_rng(2).normal(size=(3, 4))
inputs = {"b": np.array([0.1, -0.4, 0.7, 0.2])}
def loss(i): return np.mean(np.sum(C * (C * 0 + i["b"]), axis=1))
def gradients(i): return {"b": C.sum(0) / 3}
