# expect: 0 or 2
# None as the gradient of an input that the loss does not read.
import numpy as np
inputs = {"x": np.array([0.5, 2.0]), "unused": np.array([1.0])}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i): return {"x": 2 * i["x"], "unused": None}
