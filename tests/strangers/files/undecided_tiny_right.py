# expect: 0 or 2
# The same loss of size 1e-18 with its right gradient: it may be right or undecided, and never wrong.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return 1e-18 * float(np.sum(np.sin(np.asarray(i["x"], float))))
def gradients(i): return {"x": 1e-18 * np.cos(np.asarray(i["x"], float))}
