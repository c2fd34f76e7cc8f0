# expect: 0
# An LSTM with a kernel a gate, [h; x] columns, a loss on all outputs; T, D, H = 5, 3, 2; float-only through math.exp.
import math
import numpy as np
T, D, H = 5, 3, 2
sig = np.vectorize(lambda a: 1 / (1 + math.exp(-a)), otypes=[float])
def inputs(rng):
    p = {f"W{g}": rng.normal(size=(H, H + D)) for g in "fico"} | {f"b{g}": rng.normal(size=H) for g in "fico"}
    return p | {"x": rng.normal(size=(T, D)), "h0": rng.normal(size=H), "c0": rng.normal(size=H)}
def run(p):
    h, c, tape = np.asarray(p["h0"], float), np.asarray(p["c0"], float), []
    for t in range(T):
        z = np.concatenate((h, p["x"][t]))
        f, i, o = sig(p["Wf"] @ z + p["bf"]), sig(p["Wi"] @ z + p["bi"]), sig(p["Wo"] @ z + p["bo"])
        g = np.tanh(p["Wc"] @ z + p["bc"])
        c_prev, c = c, f * c + i * g
        h = o * np.tanh(c)
        tape.append((z, f, i, o, g, c_prev, c, h))
    return tape
def loss(p): return 0.5 * sum(float(s[-1] @ s[-1]) for s in run(p))
def gradients(p):
    d = {k: np.zeros(np.shape(v)) for k, v in p.items()}
    dh, dc = np.zeros(H), np.zeros(H)
    for t, (z, f, i, o, g, c_prev, c, h) in reversed(list(enumerate(run(p)))):
        dh = dh + h
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        da = {"f": dc * c_prev * f * (1 - f), "i": dc * g * i * (1 - i), "c": dc * i * (1 - g ** 2), "o": dh * np.tanh(c) * o * (1 - o)}
        dz = 0
        for k in "fico":
            d[f"W{k}"] += np.outer(da[k], z)
            d[f"b{k}"] += da[k]
            dz = dz + p[f"W{k}"].T @ da[k]
        dh, d["x"][t], dc = dz[:H], dz[H:], dc * f
    d["h0"], d["c0"] = dh, dc
    return d
