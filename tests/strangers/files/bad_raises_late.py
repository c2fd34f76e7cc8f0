# expect: 2
# says: IndexError
# The gradients run off the end of a list.
import numpy as np
inputs = {"x": np.array([0.5, 2.0])}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i): return {"x": [2 * v for v in i["x"]][5]}
