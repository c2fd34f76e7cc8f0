# An Elman network without arrays: every number by its own loop.
# slip: dh[k] += W[j][k] * da[j] => dh[k] += W[j][k - 1] * da[j] ¦ neighbour's ¦ s += W[j][k] * h[k]
# slip: dh[k] += W[j][k] * da[j] => dh[k] += W[k][j] * da[j] ¦ transposed ¦ s += W[j][k] * h[k]
# slip: dW[j, k] += da[j] * h[k] => dW[j, k] += da[j] * h[k - 1] ¦ neighbour's ¦ s += W[j][k] * h[k]
# slip: da[j] = dn[j] * (1 - n[j] ** 2) => da[j] = dn[j] * (1 - n[j - 1] ** 2) ¦ activation's derivative at another value ¦ new.append(math.tanh(s))
# slip: dU[j, k] += da[j] * x[t, k] => dU[j, k] += da[j - 1] * x[t, k] ¦ shifted in time ¦ s += U[j][k] * x[t][k]
# slip: db[j] += da[j] => db[j] += da[(j + 1) % H] ¦ shifted in time ¦ s += U[j][k] * x[t][k]
import math

import numpy as np

T, D, H = 3, 2, 5


def inputs(rng):
    return {"W": rng.standard_normal((H, H)) / 2, "U": rng.standard_normal((H, D)), "b": rng.standard_normal(H), "x": rng.standard_normal((T, D))}


def states(p):
    W, U, b, x = p["W"], p["U"], p["b"], p["x"]
    h, hs = [0.0] * H, [[0.0] * H]
    for t in range(T):
        new = []
        for j in range(H):
            s = b[j]
            for k in range(D):
                s += U[j][k] * x[t][k]
            for k in range(H):
                s += W[j][k] * h[k]
            new.append(math.tanh(s))
        h = new
        hs.append(h)
    return hs


def loss(p):
    return sum(v**2 for v in states(p)[-1]) / 2


def gradients(p):
    hs, W, U, x = states(p), p["W"], p["U"], p["x"]
    dW, dU, db, dx = np.zeros((H, H)), np.zeros((H, D)), np.zeros(H), np.zeros((T, D))
    dn = list(hs[-1])
    for t in range(T)[::-1]:
        n, h = hs[t + 1], hs[t]
        da, dh = np.zeros(H), np.zeros(H)
        for j in range(H):
            da[j] = dn[j] * (1 - n[j] ** 2)
        for j in range(H):
            db[j] += da[j]
            for k in range(D):
                dU[j, k] += da[j] * x[t, k]
                dx[t, k] += U[j][k] * da[j]
            for k in range(H):
                dW[j, k] += da[j] * h[k]
                dh[k] += W[j][k] * da[j]
        dn = dh
    return {"W": dW, "U": dU, "b": db, "x": dx}
