# expect: 2
# says: no such
# A cell that does not exist.
import numpy as np
cell = "no such"
inputs = {"x": np.array([0.5, 2.0])}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i): return {"x": 2 * i["x"]}
