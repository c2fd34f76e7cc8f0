# expect: 2
# says: lr
# A gradient of something that is no input.
import numpy as np
inputs = {"x": np.array([0.5, 2.0])}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i): return {"x": 2 * i["x"], "lr": 0.1}
