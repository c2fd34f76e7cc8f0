# expect: 0
# A saturated sigmoid, written stably with masks, at 40 and -40; plain NumPy.
import numpy as np
inputs = {"a": np.array([40.0, -40.0, 0.3])}
def sig(x): return 0.5 * (1 + np.tanh(x / 2))
def forward(i): return sig(i["a"])
def backward(i, bar): return {"a": bar * sig(i["a"]) * sig(-i["a"])}
