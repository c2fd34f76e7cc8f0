# expect: 0
# An input that the loss does not read, with a gradient of zeros.
import numpy as np
inputs = {"x": np.array([0.5, 2.0]), "unused": np.array([[0.3, 0.1]])}
def loss(i): return (i["x"] ** 3).sum()
def gradients(i): return {"x": 3 * i["x"] ** 2, "unused": np.zeros_like(i["unused"])}
