# expect: 1
# says: w
# The weak penalty's gradient is left out.
import numpy as np
inputs = {"w": np.array([0.5, -1.5, 0.3]), "y": np.array([0.1, 0.2, 0.7, -0.4])}
def loss(i): return np.linalg.solve(2 * np.eye(4), np.sin(i["y"])).sum() + 1e-6 * np.abs(i["w"]).sum()
def gradients(i): return {"w": 0 * i["w"], "y": 0.5 * np.cos(i["y"])}
