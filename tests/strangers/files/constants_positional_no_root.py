# expect: 1
# says: wrong
# The embedding's factor of sqrt(D) is left out on the way back.
import numpy as np
T, D = 5, 6
pos = np.arange(T)[:, None] / np.power(10000, 2 * (np.arange(D) // 2) / D)
pe = np.where(np.arange(D) % 2 == 0, np.sin(pos), np.cos(pos))
inputs = {"x": np.random.default_rng(0).normal(size=(T, D)), "scale": np.array([0.7])}
def forward(i): return i["x"] * D ** 0.5 + i["scale"] * pe
def backward(i, bar): return {"x": bar, "scale": (bar * pe).sum(keepdims=True).reshape(1)}
