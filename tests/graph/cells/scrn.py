# SCRN, the structurally constrained network (Mikolov, Joulin, Chopra, Mathieu, Ranzato 2014): slow context units beside a
# simple recurrent layer. A next-symbol model with one-hot inputs; states are kept in float32 buffers to save memory.
import numpy as np

V, H, S = 5, 4, 3
ALPHA = 0.8
text = [1, 4, 0, 2, 2, 3]


def inputs(rng):
    u = lambda *s: rng.uniform(-0.8, 0.8, s)
    return {"A": u(H, V), "R": u(H, H), "P": u(H, S), "B": u(S, V), "U": u(V, H), "Vs": u(V, S), "h0": u(H), "s0": u(S)}


def run(p):
    n = len(text) - 1
    h, s = np.zeros((n + 1, H), np.float32), np.zeros((n + 1, S), np.float32)
    probs = np.zeros((n, V), np.float32)
    h[0], s[0] = p["h0"], p["s0"]
    cost = 0.0
    for t in range(n):
        s[t + 1] = (1 - ALPHA) * p["B"][:, text[t]] + ALPHA * s[t]  # (1)
        h[t + 1] = 1 / (1 + np.exp(-(p["P"] @ s[t + 1] + p["A"][:, text[t]] + p["R"] @ h[t])))  # (2)
        logits = p["U"] @ h[t + 1] + p["Vs"] @ s[t + 1]  # (3)
        e = np.exp(logits - logits.max())
        probs[t] = e / e.sum()
        cost -= np.log(e[text[t + 1]] / e.sum())  # (4)
    return cost, h, s, probs


def loss(p):
    return run(p)[0]


def gradients(p):
    _, h, s, probs = run(p)
    d = {k: np.zeros(v.shape) for k, v in p.items()}
    dh, ds = np.zeros(H), np.zeros(S)
    for t in range(len(text) - 2, -1, -1):
        dlogits = probs[t] - np.eye(V)[text[t + 1]]  # <- (4)
        d["U"] += np.outer(dlogits, h[t + 1])  # <- (3)
        d["Vs"] += np.outer(dlogits, s[t + 1])  # <- (3)
        dh = dh + p["U"].T @ dlogits  # <- (2), (3)
        da = dh * h[t + 1] * (1 - h[t + 1])  # <- (2)
        d["A"][:, text[t]] += da  # <- (2)
        d["R"] += np.outer(da, h[t])  # <- (2)
        d["P"] += np.outer(da, s[t + 1])  # <- (2)
        ds = ds + p["Vs"].T @ dlogits + p["P"].T @ da  # <- (1), (3), (2)
        d["B"][:, text[t]] += (1 - ALPHA) * ds  # <- (1)
        ds = ALPHA * ds  # <- (1)
        dh = p["R"].T @ da  # <- (2)
    d["h0"], d["s0"] = dh, ds
    return d
