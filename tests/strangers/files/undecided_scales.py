# expect: 0
# One input of 1e8 beside one of 1e-8.
import numpy as np
inputs = {"big": np.array([1e8, -3e8]), "small": np.array([1e-8, 4e-8])}
def loss(i): return np.sin(i["big"] * 1e-8).sum() + np.sin(i["small"] * 1e8).sum()
def gradients(i): return {"big": 1e-8 * np.cos(i["big"] * 1e-8), "small": 1e8 * np.cos(i["small"] * 1e8)}
