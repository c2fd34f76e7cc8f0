# expect: 1
# Two of 1,200 elements are exchanged.
import numpy as np
inputs = {"x": np.random.default_rng(0).standard_normal(1200)}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i):
    g = 2 * i["x"]
    g[[0, 15]] = g[[15, 0]]
    return {"x": g}
