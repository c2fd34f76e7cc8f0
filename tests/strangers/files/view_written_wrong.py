# expect: 1
# The same, with a wrong factor.
import numpy as np
def inputs(rng): return {"x": rng.standard_normal(5)}
def forward(i):
    a = i["x"] * 1.0
    middle = a[1:3]
    middle *= 3
    return a * a
def backward(i, bar):
    a = i["x"] * 1.0
    a[1:3] *= 3
    d = 2 * a * bar
    part = d[1:3]
    part *= 2
    return {"x": d}
