# expect: 1
# says: in style_softmax_minus_max_wrong.py:11
# The sum below the softmax is taken for a constant, and so is the maximum that keeps the exponentials small, rightly.
import numpy as np
ids, targets = [3, 0, 4], [1, 4, 2]
def inputs(rng): return {"E": rng.normal(size=(5, 7)), "W": rng.normal(size=(7, 5)), "b": rng.normal(size=5)}
def run(p):
    h = np.tanh(p["E"][ids])
    z = h @ p["W"] + p["b"]
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return h, e / e.sum(axis=1, keepdims=True), -sum(np.log(e[t, k] / e[t].sum()) for t, k in enumerate(targets))
def loss(p): return run(p)[2]
def gradients(p):
    h, y, _ = run(p)
    dz = np.zeros_like(y)
    dz[np.arange(3), targets] = -1
    dE = np.zeros_like(p["E"])
    np.add.at(dE, ids, (dz @ p["W"].T) * (1 - h * h))
    return {"E": dE, "W": h.T @ dz, "b": dz.sum(0)}
