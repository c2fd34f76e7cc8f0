"""Light GRU (Ravanelli et al. 2018) with its batch norm over the batch, NumPy."""
import numpy as np

EPS = 1e-5


def inputs(rng):
    T, B, D, H = 3, 4, 2, 3
    n = lambda *s: 0.5 * rng.standard_normal(s)
    return {"Wz": n(D, H), "Uz": n(H, H), "Wh": n(D, H), "Uh": n(H, H), "gz": n(H), "bz": n(H), "gh": n(H), "bh": n(H), "x": n(T, B, D), "h0": n(B, H)}


def bn(v, gamma, beta):
    mu = v.mean(axis=0)
    var = v.var(axis=0)
    return gamma * (v - mu) / np.sqrt(var + EPS) + beta


def forward(p):
    h, hs = p["h0"], []
    for t in range(len(p["x"])):
        x = p["x"][t]
        z = 1 / (1 + np.exp(-(bn(x @ p["Wz"], p["gz"], p["bz"]) + h @ p["Uz"])))
        h_hat = np.maximum(bn(x @ p["Wh"], p["gh"], p["bh"]) + h @ p["Uh"], 0)
        h = z * h + (1 - z) * h_hat
        hs.append(h)
    return np.stack(hs)
