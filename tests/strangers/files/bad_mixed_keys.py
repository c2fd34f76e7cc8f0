# expect: 0 or 2
# Keys of several types: a string, a tuple, None.
import numpy as np
inputs = {"x": np.array([0.5]), ("layer", 1): np.array([0.2]), None: np.array([0.9])}
def loss(i): return (i["x"] * i["layer", 1] * i[None]).sum()
def gradients(i): return {"x": i["layer", 1] * i[None], ("layer", 1): i["x"] * i[None], None: i["x"] * i["layer", 1]}
