# expect: 2
# says: estimator
# `estimator` is a number.
import numpy as np
estimator = 3
inputs = {"x": np.array([0.5, 2.0])}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i): return {"x": 2 * i["x"]}
