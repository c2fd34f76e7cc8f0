# expect: 0 or 2
# says: x
# Inputs as plain Python lists of floats.
import numpy as np
inputs = {"x": [0.5, 2.0, -1.0]}
def loss(i): return sum(v ** 2 for v in i["x"])
def gradients(i): return {"x": [2 * v for v in i["x"]]}
