# expect: 1
# The gradient that vanishes over 60 steps and is doubled, in code that takes any numbers.
import numpy as np
inputs = {"h0": np.array([0.5, -0.3]), "c": np.array([0.2])}
def loss(i):
    h = i["h0"]
    for _ in range(60): h = np.tanh(0.4 * h)
    return 1 + h.sum() + i["c"].sum()
def gradients(i):
    h, d = i["h0"], 1.0
    for _ in range(60):
        h = np.tanh(0.4 * h)
        d = d * 0.4 * (1 - h * h)
    return {"h0": 2 * d, "c": np.ones(1)}
