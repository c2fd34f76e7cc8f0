# expect: 2
# says: a.b
# Two inputs of one path: "a.b", and b in a.
import numpy as np
inputs = {"a.b": np.array([.5, 2.]), "a": {"b": np.array([.3, .7])}}
def loss(i): return (i["a.b"] ** 3).sum() + (i["a"]["b"] ** 2).sum()
def gradients(i): return {"a.b": 3 * i["a.b"] ** 2, "a": {"b": 2 * i["a"]["b"]}}
