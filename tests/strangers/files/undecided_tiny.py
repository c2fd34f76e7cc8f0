# expect: 1 or 2
# never: exact gradient
# A loss of size 1e-18 in float-only code, with the wrong sign.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return 1e-18 * float(np.sum(np.sin(np.asarray(i["x"], float))))
def gradients(i): return {"x": -1e-18 * np.cos(np.asarray(i["x"], float))}
