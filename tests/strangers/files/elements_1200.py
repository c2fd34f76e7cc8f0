# expect: 0
# 1,200 elements, right.
import numpy as np
inputs = {"x": np.random.default_rng(0).standard_normal(1200)}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i): return {"x": 2 * i["x"]}
