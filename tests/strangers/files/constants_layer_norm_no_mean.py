# expect: 1
# says: wrong
# Layer norm whose claim forgets that the mean depends on x.
import numpy as np
rng = np.random.RandomState(5)
inputs = dict(x=rng.randn(2, 7), gamma=1 + 0.1 * rng.randn(7), beta=rng.randn(7))
def forward(i):
    x = i["x"]
    mu = np.mean(x, axis=-1, keepdims=True)
    var = np.mean((x - mu) ** 2, axis=-1, keepdims=True)
    return i["gamma"] * (x - mu) * (var + 1e-6) ** -0.5 + i["beta"]
def backward(i, dy):
    x = i["x"]
    mu = x.sum(-1, keepdims=True) / 7
    rstd = 1 / np.sqrt(((x - mu) ** 2).sum(-1, keepdims=True) / 7 + 1e-6)
    xn = (x - mu) * rstd
    g = dy * i["gamma"]
    dx = rstd * (g - xn * (g * xn).mean(-1, keepdims=True))
    return {"x": dx, "gamma": (dy * xn).sum(0), "beta": dy.sum(0)}
