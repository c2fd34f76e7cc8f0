# expect: 0
# Operators alone, which JAX could trace: but a view is written in place, and JAX's arrays have none.
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
    part *= 3
    return {"x": d}
