# expect: 0
# says: rounding of constants
# A window from the library forward, and from its formula backward: its small entries are rounded in their own way.
import numpy as np
n = 11
inputs = {"x": np.random.RandomState(2).randn(n)}
def forward(i): return i["x"] * np.hanning(n)
def backward(i, bar): return {"x": bar * (0.5 * (1 - np.cos(2 * np.pi * np.arange(n) / (n - 1))))}
