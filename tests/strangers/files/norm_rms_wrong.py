# expect: 1
# says: what rms hands back to x is missing
# RMS norm whose backward takes the root mean square as a constant.
import numpy as np

rng = np.random.default_rng(3)
inputs = {"x": rng.normal(size=(5, 7))}


def forward(i):
    x = i["x"]
    rms = np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)
    return x / rms


def backward(i, dy):
    x = i["x"]
    rms = np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)
    return {"x": dy / rms}
