# expect: 0
# never: times what it should be
# x / 0.7 forward, times (1 / 0.7) back.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def forward(i): return i["x"] / 0.7
def backward(i, bar): return {"x": bar * (1 / 0.7)}
