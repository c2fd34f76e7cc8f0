# expect: 2
# says: shape
# The gradient of a bias keeps the batch's axis.
import numpy as np
inputs = {"b": np.array([0.5, 2.0])}
X = np.ones((3, 2))
def loss(i): return ((X + i["b"]) ** 2).sum()
def gradients(i): return {"b": 2 * (X + i["b"])}
