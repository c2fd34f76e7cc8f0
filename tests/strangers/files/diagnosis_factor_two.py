# expect: 1
# says: 2 times what it should be
# The factor of a square is doubled: that much can be said of it.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return np.sum(i["x"] ** 2)
def gradients(i): return {"x": 4 * i["x"]}
