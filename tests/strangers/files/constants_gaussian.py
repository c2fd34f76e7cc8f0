# expect: 0
# A normal log-density: log(2 pi) / 2, and a log scale.
import numpy as np
data = np.array([0.2, 1.7, -0.4, 0.9, 0.1, 0.6, 1.1])
inputs = {"mu": np.array(0.3), "logs": np.array(-0.2)}
def loss(i):
    s = np.exp(i["logs"])
    return -np.mean(-0.5 * ((data - i["mu"]) / s) ** 2 - i["logs"] - 0.5 * np.log(2 * np.pi))
def gradients(i):
    s2 = np.exp(2 * i["logs"])
    r = data - i["mu"]
    return {"mu": -r.mean() / s2, "logs": 1 - np.mean(r * r) / s2}
