# expect: 1
# says: wrong
# x / 0.7 forward, times 1.428571 (six decimals) back.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def forward(i): return i["x"] / 0.7
def backward(i, bar): return {"x": bar * 1.428571}
