# expect: 1
# says: what mu hands back to x is missing
# Layer norm whose backward forgets that the mean depends on x.
import numpy as np

EPS = 1e-5


rng = np.random.default_rng(3)
inputs = {"x": rng.normal(size=(5, 7)), "gamma": rng.normal(size=7), "beta": rng.normal(size=7)}


def forward(i):
    x, gamma, beta = i["x"], i["gamma"], i["beta"]
    mu = x.mean(-1, keepdims=True)
    var = ((x - mu) ** 2).mean(-1, keepdims=True)
    xhat = (x - mu) / np.sqrt(var + EPS)
    return gamma * xhat + beta


def backward(i, dy):
    x, gamma = i["x"], i["gamma"]
    mu = x.mean(-1, keepdims=True)
    std = np.sqrt(x.var(-1, keepdims=True) + EPS)
    xhat = (x - mu) / std
    dxhat = dy * gamma
    dx = (dxhat - xhat * (dxhat * xhat).mean(-1, keepdims=True)) / std
    return {"x": dx, "gamma": (dy * xhat).sum(0), "beta": dy.sum(0)}
