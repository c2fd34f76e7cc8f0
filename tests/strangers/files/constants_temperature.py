# expect: 0
# A softmax with temperature 0.07: multiplied by 14.28… on one side.
import numpy as np
tau = 0.07
inputs = {"z": np.array([0.11, -0.03, 0.05])}
def loss(i):
    s = i["z"] / tau
    return np.log(np.exp(s).sum()) - s[1]
def gradients(i):
    e = np.exp(i["z"] * (1 / tau))
    g = e / e.sum()
    g[1] -= 1
    return {"z": g * (1 / tau)}
