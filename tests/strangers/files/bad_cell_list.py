# expect: 2
# says: cell
# `cell` is a list: a name that the file uses for something of its own.
import numpy as np
cell = []
inputs = {"x": np.array([0.5, 2.0])}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i): return {"x": 2 * i["x"]}
