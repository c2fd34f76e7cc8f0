# expect: 0
# Linear, relu, linear as code that takes nothing but floats.
import numpy as np
f = lambda v: np.asarray(v, dtype=float)
def inputs(rng): return {"w1": rng.normal(size=(3, 7)), "w2": rng.normal(size=(7, 2)), "x": rng.normal(size=(5, 3))}
def loss(i): return float(((np.maximum(f(i["x"]) @ f(i["w1"]), 0) @ f(i["w2"])) ** 2).sum())
def gradients(i):
    x, w1, w2 = f(i["x"]), f(i["w1"]), f(i["w2"])
    a = x @ w1
    h = np.maximum(a, 0)
    dy = 2 * (h @ w2)
    da = (dy @ w2.T) * (a > 0)
    return {"w1": x.T @ da, "w2": h.T @ dy, "x": da @ w1.T}
