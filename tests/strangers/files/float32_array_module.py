# expect: 0
# A tape in Python's array module, typecode 'f'.
from array import array
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i):
    a = array("f", [float(np.exp(v)) for v in i["x"]])
    return sum(a)
def gradients(i): return {"x": np.exp(np.asarray(i["x"], dtype=float))}
