# expect: 2
# says: ValueError
# The loss raises.
import numpy as np
inputs = {"x": np.array([0.5, 2.0])}
def loss(i): raise ValueError("x must be trained first")
def gradients(i): return {"x": i["x"]}
