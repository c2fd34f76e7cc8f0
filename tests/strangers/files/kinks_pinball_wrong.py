# expect: 1
# A quantile loss whose two slopes are exchanged.
import numpy as np
q = 0.9
inputs = {"e": np.array([0.5, -1.5, 0.3, 2.5])}
def loss(i): return np.maximum(q * i["e"], (q - 1) * i["e"]).sum()
def gradients(i): return {"e": np.where(i["e"] > 0, 1 - q, -q)}
