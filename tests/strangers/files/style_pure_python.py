# expect: 0
# No NumPy at all but for the arrays: math and lists.
import math
import numpy as np
inputs = {"x": np.array([0.5, 2.0, -0.3])}
def loss(i): return math.fsum(math.atan(v) for v in i["x"])
def gradients(i): return {"x": np.array([1 / (1 + v * v) for v in i["x"]])}
