# expect: 1
# never: transpose
# A kernel of one element cannot be transposed.
import numpy as np
inputs = {"W": np.array([[0.7]]), "x": np.array([[0.3], [0.9]])}
def forward(i): return np.sin(i["x"] @ i["W"])
def backward(i, bar):
    d = bar * np.sin(i["x"] @ i["W"])
    return {"W": i["x"].T @ d, "x": d @ i["W"].T}
