# expect: 1
# says: what f and r hand back to c is missing
# says: told_two_terms_wrong.py:13 r = np.sin(
# never: with the same effect
# Two terms of one carry are missing, and both belong there.
import numpy as np
T, H = 4, 3
def inputs(rng): return {"a": rng.standard_normal((T, H)), "b": rng.standard_normal((T, H)), "v": rng.standard_normal(H), "w": rng.standard_normal(H), "c0": rng.standard_normal(H)}
def run(p):
    c, tape = p["c0"], []
    for t in range(T):
        f = np.tanh(p["a"][t] + p["v"] * c)
        r = np.sin(p["b"][t] + p["w"] * c)
        tape.append((c, f, r))
        c = 0.5 * c + f * r
    return c, tape
def forward(p): return run(p)[0]
def backward(p, dc):
    d = {k: np.zeros(v.shape) for k, v in p.items()}
    for t, (c, f, r) in reversed(list(enumerate(run(p)[1]))):
        df = dc * r * (1 - f ** 2)
        dr = dc * f * np.cos(p["b"][t] + p["w"] * c)
        d["a"][t], d["b"][t] = df, dr
        d["v"] += df * c; d["w"] += dr * c
        dc = 0.5 * dc                                  # + df * v + dr * w: both are missing
    d["c0"] = dc
    return d
