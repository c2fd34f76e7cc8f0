# expect: 0
# SELU, with its two constants multiplied out beforehand in the claim.
import numpy as np
alpha, scale = 1.6732632423543772, 1.0507009873554805
inputs = {"x": np.array([[0.5, -1.5, 0.3], [-0.2, 2.0, -3.0]])}
def forward(i): return scale * np.where(i["x"] > 0, i["x"], alpha * (np.exp(i["x"]) - 1))
def backward(i, bar): return {"x": bar * np.where(i["x"] > 0, scale, alpha * scale * np.exp(i["x"]))}
