"""A loop over the examples of a batch inside of the step."""
import numpy as np


def inputs(rng):
    T, B, D, H = 4, 5, 2, 3
    n = lambda *s: 0.5 * rng.standard_normal(s)
    return {"x": n(T, B, D), "W": n(D, H), "U": n(H, H), "b": n(H)}


def loss(p):
    x = p["x"]
    T, B, _ = x.shape
    h = np.zeros((B, len(p["b"])))
    total = 0.0
    for t in range(T):
        new = np.zeros_like(h)
        for n in range(B):
            new[n] = np.tanh(x[t, n] @ p["W"] + h[n] @ p["U"] + p["b"])
        h = new
        total = total + np.sum(h**2)
    return total
