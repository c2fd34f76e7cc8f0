# expect: 1
# np.seterr(all="raise"), and the sign of the exponent is wrong.
import numpy as np
np.seterr(all="raise")
inputs = {"x": np.array([0.5, -0.2, 3.0])}
def loss(i): return np.log1p(np.exp(i["x"])).sum()
def gradients(i): return {"x": 1 / (1 + np.exp(i["x"]))}
