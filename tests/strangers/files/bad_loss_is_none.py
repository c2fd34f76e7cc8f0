# expect: 2
# The loss forgets its return.
import numpy as np
inputs = {"x": np.array([0.5, 2.0])}
def loss(i): (i["x"] ** 2).sum()
def gradients(i): return {"x": 2 * i["x"]}
