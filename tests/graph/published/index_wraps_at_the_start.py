# edge: h[t] = sigmoid(x[t] * w + before * u)
# edit: shifted in time
# A recurrence of single units in an array of T rows: at t = 0 the backward reads h[-1], which is the last.
import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def inputs(rng):
    return {"w": rng.standard_normal(3), "u": rng.standard_normal(3), "x": rng.standard_normal((4, 3)), "start": rng.standard_normal(3)}


def forward(p):
    x, w, u = p["x"], p["w"], p["u"]
    h, before = np.empty_like(x), p["start"]
    for t in range(4):
        h[t] = sigmoid(x[t] * w + before * u)
        before = h[t]
    return h


def backward(p, bar):
    h = forward(p)
    dw, du, dx, carry = np.zeros(3), np.zeros(3), np.zeros_like(h), 0
    for t in (3, 2, 1, 0):
        da = (bar[t] + carry) * h[t] * (1 - h[t])
        dw = dw + da * p["x"][t]
        du = du + da * h[t - 1]
        dx[t] = da * p["w"]
        carry = da * p["u"]
    return {"w": dw, "u": du, "x": dx, "start": carry}
