# A GRU of vectors, column convention; the reset gate stands between the state and a square matrix.
# slip: drh = p["Un"].T @ dn => drh = p["Un"] @ (dn / (1 - n * n)) ¦ transposed, of another cotangent ¦ n = np.tanh(
# slip: + drh * r => + p["Un"] @ dn ¦ transposed, a factor missing ¦ n = np.tanh(
# slip: p["Uz"].T @ daz + => p["Uz"] @ dz + ¦ transposed, of another cotangent ¦ z = s(
import numpy as np


def inputs(rng):
    sizes = {"Uz": (4, 4), "Ur": (4, 4), "Un": (4, 4), "x": (3, 3, 4)}
    return {k: rng.standard_normal(v) * 0.8 for k, v in sizes.items()}


def s(a):
    return 1 / (1 + np.exp(-a))


def steps(p):
    h, tape = 0.1 * np.ones(4), []
    for xz, xr, xn in p["x"]:
        z = s(p["Uz"] @ h + xz)
        r = s(p["Ur"] @ h + xr)
        n = np.tanh(p["Un"] @ (r * h) + xn)
        tape.append((h, z, r, n))
        h = z * h + (1 - z) * n
    return h, tape


def loss(p):
    return (steps(p)[0] ** 2).sum()


def gradients(p):
    h, tape = steps(p)
    d, dh = {k: np.zeros_like(v) for k, v in p.items()}, 2 * h
    for t in (2, 1, 0):
        h, z, r, n = tape[t]
        dz = dh * (h - n)
        daz = dz * z * (1 - z)
        dn = dh * (1 - z) * (1 - n * n)
        drh = p["Un"].T @ dn
        dar = drh * h * r * (1 - r)
        d["Uz"] += np.outer(daz, h)
        d["Ur"] += np.outer(dar, h)
        d["Un"] += np.outer(dn, r * h)
        d["x"][t] = daz, dar, dn
        dh = dh * z + p["Uz"].T @ daz + p["Ur"].T @ dar + drh * r
    return d
