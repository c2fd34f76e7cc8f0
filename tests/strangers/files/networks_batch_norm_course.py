# expect: 0
# Batch norm backwards step by step, nine named steps with a cache, as a blog post derives it.
import numpy as np
def inputs(rng): return {"x": rng.normal(size=(5, 2)), "gamma": rng.normal(size=2), "beta": rng.normal(size=2)}
def fwd(i, eps=1e-5):
    x = i["x"]
    N = x.shape[0]
    mu = 1. / N * np.sum(x, axis=0)
    xmu = x - mu
    var = 1. / N * np.sum(xmu ** 2, axis=0)
    sqrtvar = np.sqrt(var + eps)
    ivar = 1. / sqrtvar
    xhat = xmu * ivar
    return i["gamma"] * xhat + i["beta"], (xhat, xmu, ivar, sqrtvar, var, eps)
def forward(i): return fwd(i)[0]
def backward(i, dout):
    xhat, xmu, ivar, sqrtvar, var, eps = fwd(i)[1]
    N = len(xmu)
    dxhat = dout * i["gamma"]
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1. / (sqrtvar ** 2) * divar
    dvar = 0.5 * 1. / np.sqrt(var + eps) * dsqrtvar
    dsq = 1. / N * np.ones(dout.shape) * dvar
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)
    dx2 = 1. / N * np.ones(dout.shape) * dmu
    return {"x": dx1 + dx2, "gamma": np.sum(dout * xhat, axis=0), "beta": np.sum(dout, axis=0)}
