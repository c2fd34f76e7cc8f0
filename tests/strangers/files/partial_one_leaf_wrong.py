# expect: 1
# says: unchecked:
# says: p.b
# A wrong gradient for one leaf of a nested dict, none for the other.
import numpy as np
inputs = {"p": {"a": np.array([0.5, 2.0]), "b": np.array([0.3, 0.7])}}
def loss(i): return (i["p"]["a"] ** 3).sum() + (i["p"]["b"] ** 2).sum()
def gradients(i): return {"p": {"a": 3 * i["p"]["a"]}}
