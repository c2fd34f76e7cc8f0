# expect: 1
# The function raises at inputs other than its own, which a diagnosis tries: the verdict stands.
import numpy as np
inputs = {"x": np.array([0.5, 1.5, 0.3]), "h0": np.array([0.2, 0.4, 0.6])}
def loss(i):
    if not np.all(i["x"] > 0.1): raise ValueError("x must be positive")
    if not np.all(i["h0"] > 0.1): raise ValueError("h0 must be positive")
    return np.sum(np.log(i["x"]) * i["h0"])
def gradients(i): return {"x": i["h0"] * i["x"], "h0": np.log(i["x"])}
