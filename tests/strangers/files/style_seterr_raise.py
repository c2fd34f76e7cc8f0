# expect: 0
# np.seterr(all="raise"), as careful people set it.
import numpy as np
np.seterr(all="raise")
inputs = {"x": np.array([0.5, -0.2, 3.0])}
def loss(i): return np.log1p(np.exp(i["x"])).sum()
def gradients(i): return {"x": 1 / (1 + np.exp(-i["x"]))}
