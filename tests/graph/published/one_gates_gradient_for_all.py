# edge: gate = {k: sigma(W[k] @ v + b[k]) for k in "ifo"}
# edit: equal gradients
# An LSTM cell with a dict of gates, one step: the forget gate's gradient is copied to the others.
import numpy as np


def sigma(a):
    return 1 / (1 + np.exp(-a))


def inputs(rng):
    W = {k: rng.standard_normal((2, 5)) for k in "ifog"}
    b = {k: rng.standard_normal(2) for k in "ifog"}
    return {"W": W, "b": b, "x": rng.standard_normal(3), "h": rng.standard_normal(2), "c": rng.standard_normal(2)}


def cell_step(p):
    W, b = p["W"], p["b"]
    v = np.hstack((p["h"], p["x"]))
    gate = {k: sigma(W[k] @ v + b[k]) for k in "ifo"}
    g = np.tanh(W["g"] @ v + b["g"])
    c = gate["f"] * p["c"] + gate["i"] * g
    return v, gate, g, c, gate["o"] * np.tanh(c)


def forward(p):
    return cell_step(p)[-1]


def backward(p, dh):
    v, gate, g, c, h = cell_step(p)
    dc = dh * gate["o"] * (1 - np.tanh(c) ** 2)
    delta = {"f": dc * p["c"] * gate["f"] * (1 - gate["f"]), "g": dc * gate["i"] * (1 - g**2)}
    delta["i"] = delta["o"] = delta["f"]
    dW = {k: np.outer(delta[k], v) for k in "ifog"}
    dv = sum(p["W"][k].T @ delta[k] for k in "ifog")
    return {"W": dW, "b": delta, "x": dv[2:], "h": dv[:2], "c": dc * gate["f"]}
