"""A cell in loops over elements, with a sum over k, element by element."""
import numpy as np


def inputs(rng):
    T, D, H = 4, 2, 3
    n = lambda *s: 0.5 * rng.standard_normal(s)
    return {"x": n(T, D), "W": n(H, D), "U": n(H, H), "b": n(H)}


def loss(p):
    x, W, U, b = p["x"], p["W"], p["U"], p["b"]
    T, D = x.shape
    H = len(b)
    h = np.zeros(H)
    total = 0.0
    for t in range(T):
        a = np.zeros(H)
        for j in range(H):
            a[j] = b[j]
            for k in range(D):
                a[j] += W[j, k] * x[t, k]
            for k in range(H):
                a[j] += U[j, k] * h[k]
        h = np.tanh(a)
        total += np.sum(h * h)
    return total
