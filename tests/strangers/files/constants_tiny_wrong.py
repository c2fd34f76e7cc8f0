# expect: 1
# The same, off by a millionth.
import numpy as np
s = 1e-170
inputs = {"w": np.array([0.5, -1.5, 2.0])}
def loss(i): return s * float(np.sum(i["w"] ** 3))
def gradients(i): return {"w": 3 * s * i["w"] ** 2 * (1 + 1e-6)}
