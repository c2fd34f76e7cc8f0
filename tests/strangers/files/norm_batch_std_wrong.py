# expect: 1
# says: what x.std(0) hands back to x is missing
# Batch norm by x.std whose backward forgets that it depends on x.
import numpy as np

rng = np.random.default_rng(3)
inputs = {"x": rng.normal(size=(5, 7))}


def forward(i):
    x = i["x"]
    return (x - x.mean(0)) / (x.std(0) + 1e-5)


def backward(i, dy):
    x = i["x"]
    return {"x": (dy - dy.mean(0)) / (x.std(0) + 1e-5)}
