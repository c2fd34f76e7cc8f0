# expect: 1 or 2
# never: exact gradient
# A time stamp of 1.7e9 beside weights whose gradient is wrong by a factor of -2.
import numpy as np
inputs = {"w": np.array([0.5, -1.5, 0.3]), "t": np.array([1.7e9])}
def loss(i): return float(np.sin(np.asarray(i["w"], float)).sum() + 1e-9 * np.asarray(i["t"], float).sum())
def gradients(i): return {"w": -2 * np.cos(np.asarray(i["w"], float)), "t": np.array([1e-9])}
