# expect: 1
# One of 5,000 elements is off by a thousandth of itself.
import numpy as np
inputs = {"x": np.random.default_rng(0).standard_normal(5000)}
def loss(i): return np.sin(i["x"]).sum()
def gradients(i):
    g = np.cos(i["x"])
    g[3141] = g[3141] * 1.001
    return {"x": g}
