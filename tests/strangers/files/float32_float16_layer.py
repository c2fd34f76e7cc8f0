# expect: 0
# A layer in float16, right to the three digits that it has.
import numpy as np
def inputs(rng): return {"x": rng.standard_normal((3, 2)).astype(np.float16), "w": rng.standard_normal((2, 4)).astype(np.float16)}
def forward(i): return 1 / (1 + np.exp(-(i["x"] @ i["w"])))
def backward(i, g):
    y = forward(i)
    da = g * y * (1 - y)
    return {"x": da @ i["w"].T, "w": i["x"].T @ da}
