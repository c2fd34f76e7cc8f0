# expect: 0
# RMS norm over five features, x * rsqrt(mean(x^2) + eps) * w, as a language model's file has it.
import numpy as np
def inputs(rng): return {"x": rng.normal(size=(2, 5)), "w": rng.normal(size=5)}
def forward(i): return i["x"] * (np.mean(i["x"] ** 2, axis=-1, keepdims=True) + 1e-5) ** -0.5 * i["w"]
def backward(i, bar):
    r = 1 / np.sqrt((i["x"] * i["x"]).sum(-1, keepdims=True) / 5 + 1e-5)
    g = bar * i["w"]
    return {"x": g * r - i["x"] * r ** 3 * (g * i["x"]).sum(-1, keepdims=True) / 5, "w": (bar * i["x"] * r).sum(0)}
