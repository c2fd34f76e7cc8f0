# expect: 0
# A gradient of 1e-170, the square of which no float holds: 3 * s is rounded, and the derivative of s * w³ is not.
import numpy as np
s = 1e-170
inputs = {"w": np.array([0.5, -1.5, 2.0])}
def loss(i): return s * float(np.sum(i["w"] ** 3))
def gradients(i): return {"w": 3 * s * i["w"] ** 2}
