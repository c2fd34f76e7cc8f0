# expect: 0
# An element lies exactly at the bound of a clip.
import numpy as np
inputs = {"x": np.array([0.5, 1.0, -1.5])}
def loss(i): return np.sum(np.clip(i["x"], -1, 1) * np.array([2.0, 3.0, 4.0]))
def gradients(i): return {"x": np.array([2.0, 3.0, 4.0]) * ((i["x"] >= -1) & (i["x"] <= 1))}
