# expect: 1
# says: what f * c_prev hands back to f reads c at the wrong step
# says: there belongs: df += dc * c_prev
# never: in place of the derivative
# never: with the same effect
# An interpolating cell whose backward reads the new state for the old one: c − g is then f (c_prev − g), as if the
# sigmoid's derivative were another one.
import numpy as np
T, H = 4, 3
def sg(a): return 1 / (1 + np.exp(-a))
def inputs(rng): return {"Wf": rng.standard_normal((H, H)), "Wc": rng.standard_normal((H, H)), "x": rng.standard_normal((T, H)), "c0": rng.standard_normal(H)}
def run(p):
    c, tape = p["c0"], []
    for t in range(T):
        c_prev = c
        f = sg(p["Wf"] @ p["x"][t])
        g = np.tanh(p["Wc"] @ p["x"][t])
        c = f * c_prev + (1 - f) * g
        tape.append((c_prev, f, g, c))
    return c, tape
def forward(p): return run(p)[0]
def backward(p, dc):
    d = {k: np.zeros(v.shape) for k, v in p.items()}
    for t, (c_prev, f, g, c) in reversed(list(enumerate(run(p)[1]))):
        df = (dc * c - dc * g) * f * (1 - f)          # c where c_prev belongs
        dg = dc * (1 - f) * (1 - g ** 2)
        d["Wf"] += np.outer(df, p["x"][t]); d["Wc"] += np.outer(dg, p["x"][t])
        d["x"][t] = p["Wf"].T @ df + p["Wc"].T @ dg
        dc = dc * f
    d["c0"] = dc
    return d
