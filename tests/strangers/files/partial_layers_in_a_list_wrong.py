# expect: 1
# The list of the layers' gradients is built with append and never reversed; all layers have one shape.
import numpy as np
r = np.random.RandomState(3)
X = r.randn(3, 5)
inputs = {"layers": [{"W": r.randn(3, 3), "b": r.randn(3, 1)}, {"W": r.randn(3, 3), "b": r.randn(3, 1)}]}
def forward(i):
    a = X
    for layer in i["layers"]: a = np.tanh(layer["W"] @ a + layer["b"])
    return a
def backward(i, dA):
    acts = [X]
    for layer in i["layers"]: acts.append(np.tanh(layer["W"] @ acts[-1] + layer["b"]))
    grads = []
    for n in reversed(range(2)):
        dZ = dA * (1 - acts[n + 1] ** 2)
        grads.append({"W": dZ @ acts[n].T, "b": dZ.sum(1, keepdims=True)})
        dA = i["layers"][n]["W"].T @ dZ
    return {"layers": grads}
