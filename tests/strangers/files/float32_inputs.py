# expect: 0
# Inputs of float32, NumPy code that stays in float32.
import numpy as np
rng = np.random.default_rng(4)
inputs = {"W": rng.standard_normal((3, 5), dtype=np.float32), "x": rng.standard_normal((5, 2), dtype=np.float32)}
def forward(i): return np.maximum(np.float32(0.01) * (i["W"] @ i["x"]), i["W"] @ i["x"])
def backward(i, bar):
    a = i["W"] @ i["x"]
    d = bar * np.where(a > 0, np.float32(1), np.float32(0.01))
    return {"W": d @ i["x"].T, "x": i["W"].T @ d}
