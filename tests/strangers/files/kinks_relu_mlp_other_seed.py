# expect: 0
# Two relu layers with odd sizes, drawn with RandomState, float-only.
import numpy as np
r = np.random.RandomState(7)
F = lambda v: np.array(v, dtype=np.float64)
inputs = {"W": [r.randn(4, 5), r.randn(5, 3)], "b": [r.randn(5), r.randn(3)]}
X = r.randn(3, 4)
def net(i):
    a1 = X @ F(i["W"][0]) + F(i["b"][0])
    h1 = a1 * (a1 > 0)
    a2 = h1 @ F(i["W"][1]) + F(i["b"][1])
    return a1, h1, a2, np.where(a2 > 0, a2, 0)
def forward(i): return net(i)[-1]
def backward(i, d):
    a1, h1, a2, _ = net(i)
    d2 = F(d) * (a2 > 0)
    d1 = (d2 @ F(i["W"][1]).T) * (a1 > 0)
    return {"W": [X.T @ d1, h1.T @ d2], "b": [d1.sum(0), d2.sum(0)]}
