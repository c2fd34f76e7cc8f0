# edge: return float(err @ err)
# edit: clipped
# A helper with clip_norm=1.0 by default, called without it: the gradients are of another length.
import numpy as np


def inputs(rng):
    return {"w": rng.standard_normal((3, 2)), "r": rng.standard_normal((3, 3)), "xs": rng.standard_normal((3, 2)), "t": 3 * rng.standard_normal(3)}


def encode(p):
    hs = [np.ones(3)]
    for x in p["xs"]:
        hs.append(np.tanh(p["w"] @ x + p["r"] @ hs[-1]))
    return hs


def loss(p):
    err = encode(p)[-1] - p["t"]
    return float(err @ err)


def bptt(p, clip_norm=1.0):
    hs = encode(p)
    dh = 2 * (hs[-1] - p["t"])
    d = dict(w=np.zeros((3, 2)), r=np.zeros((3, 3)), xs=np.zeros((3, 2)), t=-dh)
    for i in (2, 1, 0):
        da = dh * (1 - hs[i + 1] ** 2)
        d["w"] += np.outer(da, p["xs"][i])
        d["r"] += np.outer(da, hs[i])
        d["xs"][i] = da @ p["w"]
        dh = da @ p["r"]
    norm = np.sqrt(sum((g**2).sum() for g in d.values()))
    return {k: g * min(1, clip_norm / norm) for k, g in d.items()}


def gradients(p):
    return bptt(p)
