# expect: 0 or 2
# A masked array as an input: it is taken for what it is, or refused.
import numpy as np
inputs = {"x": np.ma.masked_array([0.5, 2.0, 1.0], mask=[False, True, False])}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i): return {"x": 2 * i["x"]}
