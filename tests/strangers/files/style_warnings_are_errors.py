# expect: 0
# The file makes every warning of its process an error.
import warnings
import numpy as np
warnings.simplefilter("error")
inputs = {"x": np.array([0.5, -0.2])}
def loss(i): return np.log1p(np.exp(i["x"])).sum()
def gradients(i): return {"x": 1 / (1 + np.exp(-i["x"]))}
