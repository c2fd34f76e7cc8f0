# Recurrent Highway Network (Zilly, Srivastava, Koutnik, Schmidhuber 2017) of recurrence depth 2, carry = 1 - transform.
# Column vectors; caches in dicts keyed (t, l); weights of the two layers stacked in one array.
import numpy as np

T, L, D, H = 4, 2, 3, 4


def inputs(rng):
    return {
        "WH": rng.standard_normal((H, D)), "WT": rng.standard_normal((H, D)),
        "RH": 0.6 * rng.standard_normal((L, H, H)), "RT": 0.6 * rng.standard_normal((L, H, H)),
        "bH": rng.standard_normal((L, H, 1)), "bT": rng.standard_normal((L, H, 1)),
        "xs": rng.standard_normal((T, D, 1)), "s0": rng.standard_normal((H, 1)), "v": rng.standard_normal((T, H, 1)),
    }


def sig(a):
    return 1.0 / (1.0 + np.exp(-a))


def highway(p):
    s, hh, tt = {(-1, L - 1): p["s0"]}, {}, {}
    total = 0.0
    for t in range(T):
        for l in range(L):
            below = s[t, l - 1] if l > 0 else s[t - 1, L - 1]
            ah = p["RH"][l] @ below + p["bH"][l]  # (1)
            at = p["RT"][l] @ below + p["bT"][l]  # (2)
            if l == 0:
                ah = ah + p["WH"] @ p["xs"][t]  # (3)
                at = at + p["WT"] @ p["xs"][t]  # (4)
            hh[t, l] = np.tanh(ah)  # (5)
            tt[t, l] = sig(at)  # (6)
            s[t, l] = hh[t, l] * tt[t, l] + below * (1 - tt[t, l])  # (7)
        total = total + np.sum(p["v"][t] * s[t, L - 1])  # (8)
    return total / T, s, hh, tt  # (9)


def loss(p):
    return highway(p)[0]


def gradients(p):
    _, s, hh, tt = highway(p)
    d = {k: np.zeros_like(v) for k, v in p.items()}
    ds = np.zeros_like(p["s0"])
    dtotal = 1 / T  # <- (9)
    for t in reversed(range(T)):
        ds = ds + p["v"][t] * dtotal  # <- (1) + (2) + (7), (8)
        d["v"][t] = s[t, L - 1] * dtotal  # <- (8)
        for l in reversed(range(L)):
            below = s[t, l - 1] if l > 0 else s[t - 1, L - 1]
            dhh = ds * tt[t, l]  # <- (7)
            dtt = ds * (hh[t, l] - below)  # <- (7)
            dah = dhh * (1 - hh[t, l] ** 2)  # <- (5)
            dat = dtt * tt[t, l] * (1 - tt[t, l])  # <- (6)
            d["RH"][l] += dah @ below.T  # <- (1)
            d["RT"][l] += dat @ below.T  # <- (2)
            d["bH"][l] += dah  # <- (1)
            d["bT"][l] += dat  # <- (2)
            if l == 0:
                d["WH"] += dah @ p["xs"][t].T  # <- (3)
                d["WT"] += dat @ p["xs"][t].T  # <- (4)
                d["xs"][t] = p["WH"].T @ dah + p["WT"].T @ dat  # <- (3), (4)
            ds = ds * (1 - tt[t, l]) + p["RH"][l].T @ dah + p["RT"][l].T @ dat  # <- (7), (1), (2)
    d["s0"] = ds
    return d
