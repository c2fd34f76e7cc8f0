# expect: 0
# 1e95 times x, squared, and its gradient.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return ((1e95 * i["x"]) ** 2).sum()
def gradients(i): return {"x": 2e95 * (1e95 * i["x"])}
