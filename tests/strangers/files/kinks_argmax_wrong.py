# expect: 1
# The gradient of a maximum goes to the first element instead of the largest.
import numpy as np
inputs = {"x": np.array([[0.5, 2.0, 1.0], [3.0, -1.0, 0.2]])}
def loss(i): return float(np.asarray(i["x"], float).max(axis=1) @ np.array([1.0, 2.0]))
def gradients(i): return {"x": np.array([[1.0, 0, 0], [2.0, 0, 0]])}
