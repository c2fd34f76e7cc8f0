# expect: 0
# np.clip, and a mask of what is inside.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3, 2.5])}
def forward(i): return np.clip(i["x"], -1, 1) ** 2
def backward(i, bar): return {"x": bar * 2 * i["x"] * (np.abs(i["x"]) < 1)}
