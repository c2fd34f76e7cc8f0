# expect: 1
# says: the gradient of i["x"] @ i["w"] has y in place of the derivative of sigmoid, y (1 − y)
# A wrong derivative in float16 is named: the equations are looked at in balls.
import numpy as np
def inputs(rng): return {"x": rng.standard_normal((3, 2)).astype(np.float16), "w": rng.standard_normal((2, 4)).astype(np.float16)}
def forward(i): return 1 / (1 + np.exp(-(i["x"] @ i["w"])))
def backward(i, g):
    y = forward(i)
    da = g * y
    return {"x": da @ i["w"].T, "w": i["x"].T @ da}
