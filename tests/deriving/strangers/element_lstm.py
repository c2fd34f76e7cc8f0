"""An LSTM, unit by unit."""
import numpy as np


def inputs(rng):
    T, D, H = 4, 2, 3
    n = lambda *s: 0.5 * rng.standard_normal(s)
    return {"x": n(T, D), "W": n(4, H, D), "U": n(4, H, H), "b": n(4, H)}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def loss(p):
    x, W, U, b = p["x"], p["W"], p["U"], p["b"]
    T, H = x.shape[0], b.shape[1]
    h, c = np.zeros(H), np.zeros(H)
    total = 0.0
    for t in range(T):
        h_new, c_new = np.zeros(H), np.zeros(H)
        for j in range(H):
            i = sigmoid(W[0, j] @ x[t] + U[0, j] @ h + b[0, j])
            f = sigmoid(W[1, j] @ x[t] + U[1, j] @ h + b[1, j])
            o = sigmoid(W[2, j] @ x[t] + U[2, j] @ h + b[2, j])
            g = np.tanh(W[3, j] @ x[t] + U[3, j] @ h + b[3, j])
            c_new[j] = f * c[j] + i * g
            h_new[j] = o * np.tanh(c_new[j])
        h, c = h_new, c_new
        total += np.sum(h * h)
    return total
