# expect: 0
# needs: numba
# A loop compiled by numba over arrays of float32.
import numba
import numpy as np
@numba.njit
def fwd(x, w):
    h = np.zeros(w.shape[0], np.float32)
    for t in range(x.shape[0]):
        h = np.tanh(w * h + x[t]).astype(np.float32)
    return h
@numba.njit
def bwd(x, w, bar):
    T, H = x.shape
    hs = np.zeros((T + 1, H), np.float32)
    for t in range(T): hs[t + 1] = np.tanh(w * hs[t] + x[t])
    dx, dw, dh = np.zeros((T, H), np.float32), np.zeros(H, np.float32), bar.copy()
    for t in range(T - 1, -1, -1):
        da = dh * (1 - hs[t + 1] ** 2)
        dx[t] = da
        dw += da * hs[t]
        dh = da * w
    return dx, dw
inputs = {"x": np.random.RandomState(0).randn(4, 3), "w": np.array([0.5, -0.7, 0.9])}
f = lambda v: np.asarray(v, dtype=np.float32)
def forward(i): return fwd(f(i["x"]), f(i["w"]))
def backward(i, bar):
    dx, dw = bwd(f(i["x"]), f(i["w"]), f(bar))
    return {"x": dx.astype(float), "w": dw.astype(float)}
