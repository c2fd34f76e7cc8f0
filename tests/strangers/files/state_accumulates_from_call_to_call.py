# expect: 1
# says: call
# Accumulators that nobody sets to zero: every call of backward returns more than the one before.
import numpy as np
inputs = {"W": np.array([[0.5, -1.0, 0.2], [0.3, 0.8, -0.6]]), "x": np.array([[0.1, 0.2], [0.7, -0.4]])}
dW = 0
def forward(i): return i["x"] @ i["W"]
def backward(i, dout):
    global dW
    dW = dW + i["x"].T @ dout
    return {"W": dW, "x": dout @ i["W"].T}
