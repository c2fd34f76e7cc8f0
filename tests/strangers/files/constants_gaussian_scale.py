# expect: 1
# says: wrong
# The claim is with respect to the scale, the input is its logarithm.
import numpy as np
data = np.array([0.2, 1.7, -0.4, 0.9, 0.1, 0.6, 1.1])
inputs = {"mu": np.array(0.3), "logs": np.array(-0.2)}
def loss(i):
    s = np.exp(i["logs"])
    return -np.mean(-0.5 * ((data - i["mu"]) / s) ** 2 - i["logs"] - 0.5 * np.log(2 * np.pi))
def gradients(i):
    s = np.exp(i["logs"])
    r = data - i["mu"]
    return {"mu": -r.mean() / s**2, "logs": 1 / s - np.mean(r * r) / s ** 3}
