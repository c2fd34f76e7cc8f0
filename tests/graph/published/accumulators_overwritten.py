# edge: h = np.tanh(np.einsum("hd,d->h", A, x) + np.einsum("hk,k->h", R, h))
# edit: overwritten
# einsum everywhere: the loop assigns the recurrent kernel's gradient where it was to add.
import numpy as np


def inputs(rng):
    return {"A": rng.standard_normal((3, 2)), "R": rng.standard_normal((3, 3)), "x": rng.standard_normal((4, 2)), "h0": rng.standard_normal(3)}


def history(p):
    A, R, h = p["A"], p["R"], p["h0"]
    past = [h]
    for x in p["x"]:
        h = np.tanh(np.einsum("hd,d->h", A, x) + np.einsum("hk,k->h", R, h))
        past.append(h)
    return past


def forward(p):
    return np.stack(history(p)[1:])


def backward(p, bars):
    past = history(p)
    dA, dx, dh = np.zeros_like(p["A"]), np.zeros_like(p["x"]), np.zeros(3)
    for n in range(len(bars) - 1, -1, -1):
        da = np.einsum("h,h->h", bars[n] + dh, 1 - past[n + 1] ** 2)
        dA += np.einsum("h,d->hd", da, p["x"][n])
        dR = np.einsum("h,k->hk", da, past[n])
        dx[n] = np.einsum("h,hd->d", da, p["A"])
        dh = np.einsum("h,hk->k", da, p["R"])
    return {"A": dA, "R": dR, "x": dx, "h0": dh}
