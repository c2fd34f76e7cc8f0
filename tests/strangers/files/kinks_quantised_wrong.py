# expect: 1 or 2
# never: exact gradient
# Values are rounded to a grid of 0.25: it has no slope, and the claim pretends that it has.
import numpy as np
inputs = {"x": np.array([0.55, -1.45, 0.3])}
def loss(i): return float((np.round(np.asarray(i["x"], float) * 4) / 4 * np.array([1, 2, 3])).sum())
def gradients(i): return {"x": np.array([1.0, 2.0, 3.0])}
