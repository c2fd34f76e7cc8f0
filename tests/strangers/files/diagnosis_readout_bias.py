# expect: 1
# never: is dropped
# never: right when x
# A wrong bias of a readout alone: no mistake that touches only gradients nobody claims explains it.
import numpy as np
def inputs(rng): return {"W": rng.normal(size=(2, 3)), "V": rng.normal(size=(3, 2)), "by": rng.normal(size=2), "x": rng.normal(size=(4, 2))}
def loss(i): return np.sum((np.tanh(i["x"] @ i["W"]) @ i["V"] + i["by"]) ** 3)
def gradients(i):
    h = np.tanh(i["x"] @ i["W"])
    d = 3 * (h @ i["V"] + i["by"]) ** 2
    return {"V": h.T @ d, "by": d.sum(0) * 0.5, "W": i["x"].T @ (d @ i["V"].T * (1 - h * h))}
