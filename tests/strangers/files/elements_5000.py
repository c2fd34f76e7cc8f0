# expect: 0
# 5,000 elements of a mean, right but for rounding.
import numpy as np
inputs = {"x": np.random.default_rng(0).standard_normal(5000)}
def loss(i): return np.sin(i["x"]).mean()
def gradients(i): return {"x": np.cos(i["x"]) / 5000}
