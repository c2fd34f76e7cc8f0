# expect: 1
# says: wrong
# Off by 2e-14: a hundred times what the rounding of 1/3 and 2/3 gives.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return (i["x"] ** 2).mean()
def gradients(i): return {"x": (2 / 3 + 1e-14) * i["x"]}
