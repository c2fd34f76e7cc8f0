# expect: 0
# 1,500 elements of float-only code, right.
import numpy as np
from scipy.special import digamma, gammaln
inputs = {"x": 1 + np.random.default_rng(0).random(1500)}
def loss(i): return float(np.sum(gammaln(np.array(list(map(float, i["x"]))))))
def gradients(i): return {"x": digamma(np.array(list(map(float, i["x"]))))}
