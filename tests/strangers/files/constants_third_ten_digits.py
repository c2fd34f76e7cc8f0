# expect: 1
# says: wrong
# A constant typed with ten digits.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return (i["x"] ** 2).mean()
def gradients(i): return {"x": 0.6666666667 * i["x"]}
