# expect: 2
# The gradients end the process with 0.
import numpy as np
inputs = {"x": np.array([0.5, 2.0])}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i): raise SystemExit(0)
