# expect: 0
# says: rounding of constants
# never: times what it should be
# A mean of three squares: 1/3 in the forward, 2/3 in the claim, each rounded by itself.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return (i["x"] ** 2).mean()
def gradients(i): return {"x": 2 / 3 * i["x"]}
