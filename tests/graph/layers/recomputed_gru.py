# A GRU that keeps its states alone: the backward computes each gate anew where it needs it, the update gate twice.
# slip: z2 = gate(p["Wz"], p["Uz"], x, h, p["bz"]) => z2 = gate(p["Wz"], p["Uz"], x, h, 0) ¦ activation's derivative at another value ¦ return 1.0
# slip: z2 = gate(p["Wz"], p["Uz"], x, h, p["bz"]) => z2 = gate(p["Wz"], p["Uz"], x, hs[t + 1], p["bz"]) ¦ recomputed otherwise ¦ z = gate(
# slip: z1 = gate(p["Wz"], p["Uz"], x, h, p["bz"]) => z1 = gate(p["Wz"], p["Uz"], x, 0 * h, p["bz"]) ¦ recomputed otherwise ¦ h = (1 - z) * h + z * n
# slip: r2 = gate(p["Wr"], p["Ur"], x, h, p["br"]) => r2 = gate(p["Wr"], p["Ur"], x, h, p["bz"]) ¦ recomputed otherwise ¦ r = gate(
import numpy as np

T, D, H = 4, 3, 5


def inputs(rng):
    shapes = {"Wz": (H, D), "Uz": (H, H), "bz": H, "Wr": (H, D), "Ur": (H, H), "br": H, "Wn": (H, D), "Un": (H, H), "x": (T, D)}
    return {k: 0.6 * rng.standard_normal(s) for k, s in shapes.items()}


def gate(W, U, x, h, b):
    return 1.0 / (1.0 + np.exp(-(W @ x + U @ h + b)))


def states(p):
    h, hs = np.zeros(H), [np.zeros(H)]
    for x in p["x"]:
        z = gate(p["Wz"], p["Uz"], x, h, p["bz"])
        r = gate(p["Wr"], p["Ur"], x, h, p["br"])
        n = np.tanh(p["Wn"] @ x + p["Un"] @ (r * h))
        h = (1 - z) * h + z * n
        hs.append(h)
    return hs


def loss(p):
    return 0.5 * np.sum(np.square(states(p)[1:]))


def gradients(p):
    hs = states(p)
    d, dh = {k: np.zeros_like(v) for k, v in p.items()}, np.zeros(H)
    for t in range(T - 1, -1, -1):
        x, h = p["x"][t], hs[t]
        dh = dh + hs[t + 1]
        r = gate(p["Wr"], p["Ur"], x, h, p["br"])
        z1 = gate(p["Wz"], p["Uz"], x, h, p["bz"])
        n = np.tanh(p["Wn"] @ x + p["Un"] @ (r * h))
        dn, dz = dh * z1 * (1 - n * n), dh * (n - h)
        z2 = gate(p["Wz"], p["Uz"], x, h, p["bz"])
        r2 = gate(p["Wr"], p["Ur"], x, h, p["br"])
        daz = dz * z2 * (1 - z2)
        drh = p["Un"].T @ dn
        dar = drh * h * r2 * (1 - r2)
        for W, U, da, hh in (("Wz", "Uz", daz, h), ("Wr", "Ur", dar, h), ("Wn", "Un", dn, r * h)):
            d[W] += np.outer(da, x)
            d[U] += np.outer(da, hh)
            d["x"][t] += p[W].T @ da
        d["bz"] += daz
        d["br"] += dar
        dh = dh * (1 - z1) + p["Uz"].T @ daz + p["Ur"].T @ dar + drh * r
    return d
