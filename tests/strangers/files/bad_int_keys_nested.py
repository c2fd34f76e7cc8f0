# expect: 0 or 2
# Integers and strings as keys of one nested dict, which cannot be sorted.
import numpy as np
inputs = {"p": {0: np.array([0.5, -0.3]), "last": np.array([0.2, 0.9])}}
def loss(i): return (i["p"][0] * i["p"]["last"]).sum()
def gradients(i): return {"p": {0: i["p"]["last"], "last": i["p"][0]}}
