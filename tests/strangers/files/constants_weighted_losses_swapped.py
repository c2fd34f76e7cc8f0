# expect: 1
# says: wrong
# Two of the weights are exchanged in the claim of b.
import numpy as np
inputs = {"a": np.array([0.4, -0.9]), "b": np.array([1.2])}
def loss(i):
    l1 = np.mean(i["a"] ** 2)
    l2 = np.mean(np.cosh(i["b"]))
    l3 = (i["a"] * i["b"]).sum()
    return 0.3 * l1 + 0.7 * l2 + 0.1 * l3
def gradients(i):
    a, b = i["a"], i["b"]
    return {"a": 0.3 * a + b / 10, "b": 0.7 * np.sinh(b) + 0.3 * np.sum(a, keepdims=True)}
