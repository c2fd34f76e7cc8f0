# expect: 0
# Weight decay of 1e-4, an L2 penalty with its half.
import numpy as np
wd = 1e-4
inputs = {"w": np.array([[0.5, -1.5], [0.3, 0.9], [0.2, 0.8]]), "c": np.array([0.3, -0.6])}
def loss(i): return np.tanh(i["w"] @ i["c"]).sum() + 0.5 * wd * np.sum(i["w"] ** 2)
def gradients(i):
    s = 1 - np.tanh(i["w"] @ i["c"]) ** 2
    return {"w": s[:, None] * i["c"] + wd * i["w"], "c": i["w"].T @ s}
