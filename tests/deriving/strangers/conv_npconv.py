"""Conv-LSTM in one dimension by np.convolve."""
import numpy as np


def inputs(rng):
    T, N = 4, 6
    n = lambda *s: 0.5 * rng.standard_normal(s)
    return {"Wx": n(4, 3), "Wh": n(4, 3), "b": n(4), "X": n(T, N), "h0": n(N), "c0": n(N)}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def forward(p):
    h, c = p["h0"], p["c0"]
    hs = []
    for x in p["X"]:
        a = [np.convolve(x, p["Wx"][k], mode="same") + np.convolve(h, p["Wh"][k], mode="same") + p["b"][k] for k in range(4)]
        i, f, g, o = sigmoid(a[0]), sigmoid(a[1]), np.tanh(a[2]), sigmoid(a[3])
        c = f * c + i * g
        h = o * np.tanh(c)
        hs.append(h)
    return np.stack(hs)
