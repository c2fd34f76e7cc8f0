# expect: 0
# relu(0) in code that takes nothing but floats.
import numpy as np
inputs = {"x": np.array([0.0, 1.0, -2.0, 0.0])}
def loss(i): return float((np.maximum(np.asarray(i["x"], float), 0) * np.array([1.0, 2, 3, 4])).sum())
def gradients(i): return {"x": (np.asarray(i["x"], float) > 0) * np.array([1.0, 2, 3, 4])}
