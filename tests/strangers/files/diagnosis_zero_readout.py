# expect: 1
# never: right when W_y is zero
# Where W_y is zero everything vanishes, so that it is right there says nothing.
import numpy as np
def inputs(rng): return {"W_h": rng.normal(size=(2, 3)), "W_y": rng.normal(size=(3, 2)), "x": rng.normal(size=(4, 2))}
def loss(i): return np.sum((np.tanh(i["x"] @ i["W_h"]) @ i["W_y"]) ** 2)
def gradients(i):
    h = np.tanh(i["x"] @ i["W_h"])
    d = 2 * (h @ i["W_y"])
    return {"W_y": h.T @ d, "W_h": i["x"].T @ (d @ i["W_y"].T * (1 - h))}
