# expect: 1
# The same network, with the relu's mask taken of the output of the next layer's input cotangent.
import numpy as np
f = lambda v: np.asarray(v, dtype=float)
def inputs(rng): return {"w1": rng.normal(size=(3, 7)), "w2": rng.normal(size=(7, 2)), "x": rng.normal(size=(5, 3))}
def loss(i): return float(((np.maximum(f(i["x"]) @ f(i["w1"]), 0) @ f(i["w2"])) ** 2).sum())
def gradients(i):
    x, w1, w2 = f(i["x"]), f(i["w1"]), f(i["w2"])
    h = np.maximum(x @ w1, 0)
    dy = 2 * (h @ w2)
    dh = dy @ w2.T
    da = dh * (dh > 0)
    return {"w1": x.T @ da, "w2": h.T @ dy, "x": da @ w1.T}
