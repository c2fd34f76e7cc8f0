# expect: 1
# says: directions
# 1,500 elements of float-only code, a gradient of the wrong sign: seen along directions, and said so.
import numpy as np
from scipy.special import gammaln
inputs = {"x": 1 + np.random.default_rng(0).random(1500)}
def loss(i): return float(np.sum(gammaln(np.array(list(map(float, i["x"]))))))
def gradients(i):
    from scipy.special import digamma
    return {"x": -digamma(np.array(list(map(float, i["x"]))))}
