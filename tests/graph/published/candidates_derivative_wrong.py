# edge: cand = np.tanh(x @ Wh + (r * h) @ Uh)
# edit: activation's derivative of another activation
# A GRU, one step, batch first: the candidate's derivative is that of a sigmoid.
import numpy as np


def s(a):
    return 1 / (1 + np.exp(-a))


def inputs(rng):
    names = dict(Wz=(2, 3), Uz=(3, 3), Wr=(2, 3), Ur=(3, 3), Wh=(2, 3), Uh=(3, 3), x=(2, 2), h=(2, 3))
    return {k: rng.standard_normal(v) for k, v in names.items()}


def gru(Wz, Uz, Wr, Ur, Wh, Uh, x, h):
    z = s(x @ Wz + h @ Uz)
    r = s(x @ Wr + h @ Ur)
    cand = np.tanh(x @ Wh + (r * h) @ Uh)
    return z, r, cand, z * h + (1 - z) * cand


def forward(p):
    return gru(**p)[3]


def backward(p, d):
    z, r, cand, _ = gru(**p)
    x, h = p["x"], p["h"]
    dz = d * (h - cand) * z * (1 - z)
    dcand = d * (1 - z) * cand * (1 - cand)
    drh = dcand @ p["Uh"].T
    dr = drh * h * r * (1 - r)
    return {
        "Wz": x.T @ dz, "Uz": h.T @ dz, "Wr": x.T @ dr, "Ur": h.T @ dr, "Wh": x.T @ dcand, "Uh": (r * h).T @ dcand,
        "x": dz @ p["Wz"].T + dr @ p["Wr"].T + dcand @ p["Wh"].T,
        "h": d * z + dz @ p["Uz"].T + dr @ p["Ur"].T + drh * r,
    }
