# expect: 1
# One of the UR-LSTM's recurrent kernels is not transposed.
"""UR-LSTM (Gu, Gulcehre, Paine, Hoffman, Pascanu 2020), column vectors, a classifier loss on the last state."""
import numpy as np

T, D, H, K = 3, 2, 3, 4
target = 2


def inputs(rng):
    p = {}
    for k in "fruo":
        p["W" + k] = 0.5 * rng.standard_normal((H, D))
        p["U" + k] = 0.5 * rng.standard_normal((H, H))
    p["bf"] = 0.5 * rng.standard_normal((H, 1))
    p["bu"] = 0.5 * rng.standard_normal((H, 1))
    p["bo"] = 0.5 * rng.standard_normal((H, 1))
    p["V"] = 0.5 * rng.standard_normal((K, H))
    p["x"] = rng.standard_normal((T, D, 1))
    return p


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def run(p):
    h = np.zeros((H, 1))
    c = np.zeros((H, 1))
    tape = []
    for x in p["x"]:
        f = sigmoid(p["Wf"] @ x + p["Uf"] @ h + p["bf"])
        r = sigmoid(p["Wr"] @ x + p["Ur"] @ h - p["bf"])
        g = r * (1 - (1 - f) ** 2) + (1 - r) * f ** 2
        u = np.tanh(p["Wu"] @ x + p["Uu"] @ h + p["bu"])
        o = sigmoid(p["Wo"] @ x + p["Uo"] @ h + p["bo"])
        h_prev, c_prev = h, c
        c = g * c_prev + (1 - g) * u
        h = o * np.tanh(c)
        tape.append((x, h_prev, c_prev, f, r, g, u, o, c))
    logits = p["V"] @ h
    e = np.exp(logits - np.max(logits))
    prob = e / np.sum(e)
    return -np.log(prob[target, 0]), prob, h, tape


def loss(p):
    return run(p)[0]


def gradients(p):
    _, prob, h, tape = run(p)
    d = {k: np.zeros_like(v) for k, v in p.items()}
    dlogits = prob.copy()
    dlogits[target] -= 1
    d["V"] = dlogits @ h.T
    dh = p["V"].T @ dlogits
    dc = np.zeros((H, 1))
    for t in reversed(range(T)):
        x, h_prev, c_prev, f, r, g, u, o, c = tape[t]
        do = dh * np.tanh(c)
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        dg = dc * (c_prev - u)
        du = dc * (1 - g)
        dr = dg * (1 - (1 - f) ** 2 - f ** 2)
        df = dg * (r * 2 * (1 - f) + (1 - r) * 2 * f)
        da = {"f": df * f * (1 - f), "r": dr * r * (1 - r), "u": du * (1 - u ** 2), "o": do * o * (1 - o)}
        dh = np.zeros((H, 1))
        for k in "fruo":
            d["W" + k] += da[k] @ x.T
            d["U" + k] += da[k] @ h_prev.T
            d["x"][t] += p["W" + k].T @ da[k]
            dh = dh + (p["U" + k] if k == "o" else p["U" + k].T) @ da[k]  # MISTAKE
        d["bf"] += da["f"] - da["r"]
        d["bu"] += da["u"]
        d["bo"] += da["o"]
        dc = dc * g
    return d
