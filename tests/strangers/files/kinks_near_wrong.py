# expect: 1
# Kinks at 1e-5 from the inputs, and the slope of the other side in one element.
import numpy as np
inputs = {"x": np.array([1e-5, -1e-5, 0.4, -2e-5])}
def loss(i): return float((np.array([1.0, 2, 3, 4]) * np.abs(np.asarray(i["x"], float))).sum())
def gradients(i): return {"x": np.array([1.0, 2, 3, 4])}
