# edge: o = logistic(a_o + peep[1] * c_new)
# edit: dropped
# Peepholes: the row of weights has its gradient, and c has nothing from the output gate that looks at it.
import numpy as np


def logistic(a):
    return 1 / (1 + np.exp(-a))


def inputs(rng):
    return {"Wf": rng.standard_normal((2, 3)), "Wo": rng.standard_normal((2, 3)), "Wg": rng.standard_normal((2, 3)), "peep": rng.standard_normal((2, 3)),
            "c": rng.standard_normal((4, 3)), "x": rng.standard_normal((4, 2))}


def step(p):
    peep, c = p["peep"], p["c"]
    a_o, g = p["x"] @ p["Wo"], np.tanh(p["x"] @ p["Wg"])
    f = logistic(p["x"] @ p["Wf"] + peep[0] * c)
    c_new = f * c + (1 - f) * g
    o = logistic(a_o + peep[1] * c_new)
    return f, g, c_new, o


def forward(p):
    f, g, c_new, o = step(p)
    return {"h": o * np.tanh(c_new), "c": c_new}


def backward(p, bar):
    f, g, c_new, o = step(p)
    tc = np.tanh(c_new)
    da_o = bar["h"] * tc * o * (1 - o)
    dc_new = bar["c"] + bar["h"] * o * (1 - tc**2)
    da_f = dc_new * (p["c"] - g) * f * (1 - f)
    da_g = dc_new * (1 - f) * (1 - g**2)
    dpeep = np.stack([(da_f * p["c"]).sum(0), (da_o * c_new).sum(0)])
    dx = da_o @ p["Wo"].T + da_f @ p["Wf"].T + da_g @ p["Wg"].T
    return {"Wf": p["x"].T @ da_f, "Wo": p["x"].T @ da_o, "Wg": p["x"].T @ da_g, "peep": dpeep, "c": dc_new * f + da_f * p["peep"][0], "x": dx}
