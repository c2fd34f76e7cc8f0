"""A cell in loops over elements, as in a first course."""
import numpy as np


def inputs(rng):
    T, D, H = 5, 3, 4
    n = lambda *s: 0.5 * rng.standard_normal(s)
    return {"x": n(T, D), "Wz": n(H, D), "Uz": n(H, H), "bz": n(H), "Wg": n(H, D), "Ug": n(H, H), "bg": n(H)}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def loss(p):
    T = p["x"].shape[0]
    H = p["bz"].shape[0]
    h = np.zeros((T + 1, H))
    for t in range(T):
        z = np.zeros(H)
        g = np.zeros(H)
        for j in range(H):
            z[j] = sigmoid(p["Wz"][j] @ p["x"][t] + p["Uz"][j] @ h[t] + p["bz"][j])
            g[j] = np.tanh(p["Wg"][j] @ p["x"][t] + p["Ug"][j] @ h[t] + p["bg"][j])
        h[t + 1] = (1 - z) * h[t] + z * g
    return np.sum(h[1:] ** 2)
