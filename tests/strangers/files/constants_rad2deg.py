# expect: 0
# NumPy's own conversion of angles, against a factor.
import numpy as np
inputs = {"a": np.array([0.4, 1.9])}
def forward(i): return np.rad2deg(np.arctan(i["a"]))
def backward(i, bar): return {"a": bar * 180 / np.pi / (1 + i["a"] ** 2)}
