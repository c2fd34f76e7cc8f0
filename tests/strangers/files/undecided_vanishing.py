# expect: 1 or 2
# never: exact gradient
# A gradient that vanishes over 60 steps, in float-only code: it is doubled, and 1e-21.
import numpy as np
inputs = {"h0": np.array([0.5, -0.3]), "c": np.array([0.2])}
def loss(i):
    h = np.asarray(i["h0"], float)
    for _ in range(60): h = np.tanh(0.4 * h) + 0.0
    return float(1 + h.sum() + np.asarray(i["c"], float).sum())
def gradients(i):
    h, d = np.asarray(i["h0"], float), 1.0
    for _ in range(60):
        h = np.tanh(0.4 * h)
        d = d * 0.4 * (1 - h * h)
    return {"h0": 2 * d, "c": np.ones(1)}
