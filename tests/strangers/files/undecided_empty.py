# expect: 2
# never: exact gradient
# An empty batch: there is nothing to be right about.
import numpy as np
inputs = {"x": np.zeros((0, 3))}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i): return {"x": 5 * i["x"]}
