# expect: 0
# A max pool by reshape and a comparison with the maximum.
import numpy as np
inputs = {"x": np.random.RandomState(2).randn(4, 6)}
def forward(i): return i["x"].reshape(2, 2, 3, 2).max(axis=(1, 3))
def backward(i, bar):
    b = i["x"].reshape(2, 2, 3, 2)
    mask = b == b.max(axis=(1, 3), keepdims=True)
    return {"x": (mask * bar[:, None, :, None]).reshape(4, 6)}
