# expect: 1 or 2
# never: exact gradient
# A loss with an offset of 1e13, float-only, and a doubled gradient.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return 1e13 + 1e-3 * float(np.sum(np.sin(np.asarray(i["x"], float))))
def gradients(i): return {"x": 2e-3 * np.cos(np.asarray(i["x"], float))}
