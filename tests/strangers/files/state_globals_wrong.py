# expect: 1
# The same script, with out * (1 - out) in the place of hidden * (1 - hidden).
import numpy as np
cache = {}
inputs = {"w1": np.random.RandomState(0).randn(2, 3), "w2": np.random.RandomState(1).randn(3, 1)}
X = np.random.RandomState(2).randn(4, 2)
Y = np.random.RandomState(3).randn(4, 1)
def loss(i):
    global hidden, out
    hidden = 1 / (1 + np.exp(-X.dot(i["w1"])))
    out = hidden.dot(i["w2"])
    cache["err"] = out - Y
    return 0.5 * (cache["err"] ** 2).sum()
def gradients(i):
    dh = cache["err"].dot(i["w2"].T) * out * (1 - out)
    return {"w2": hidden.T.dot(cache["err"]), "w1": X.T.dot(dh)}
