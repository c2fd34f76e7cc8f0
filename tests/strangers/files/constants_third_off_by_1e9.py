# expect: 1
# says: wrong
# A mean of three squares whose claim is off by 1e-9, which no rounding of a constant explains.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return (i["x"] ** 2).mean()
def gradients(i): return {"x": (2 / 3 + 1e-9) * i["x"]}
