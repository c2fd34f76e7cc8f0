# expect: 0
# Group norm of images, three groups of two channels.
import numpy as np
rs = np.random.RandomState(1)
N, C, H, W, G = 2, 6, 3, 5, 3
inputs = dict(x=rs.randn(N, C, H, W) * 4 + 10, gamma=rs.randn(1, C, 1, 1), beta=rs.randn(1, C, 1, 1))

def gn(x, gamma, beta):
    xg = x.reshape(N, G, C // G, H, W)
    mu = xg.mean(axis=(2, 3, 4), keepdims=True)
    var = xg.var(axis=(2, 3, 4), keepdims=True)
    xhat = ((xg - mu) / np.sqrt(var + 1e-5)).reshape(N, C, H, W)
    return gamma * xhat + beta, xhat, var

def forward(i):
    return gn(**i)[0]

def backward(i, dout):
    _, xhat, var = gn(**i)
    M = (C // G) * H * W
    dg = (dout * xhat).sum(axis=(0, 2, 3), keepdims=True)
    db = dout.sum(axis=(0, 2, 3), keepdims=True)
    dxh = (dout * i["gamma"]).reshape(N, G, C // G, H, W)
    xh = xhat.reshape(N, G, C // G, H, W)
    dx = (dxh - dxh.sum((2, 3, 4), keepdims=True) / M - xh * (dxh * xh).sum((2, 3, 4), keepdims=True) / M) / np.sqrt(var + 1e-5)
    return {"x": dx.reshape(N, C, H, W), "gamma": dg, "beta": db}
