# expect: 0 or 2
# exp at the edge of what a float holds, and its right gradient.
import numpy as np
inputs = {"x": np.array([709.78, 1.0])}
def loss(i): return float(np.exp(np.asarray(i["x"], float)).sum() * 1e-300)
def gradients(i): return {"x": 1e-300 * np.exp(np.asarray(i["x"], float))}
