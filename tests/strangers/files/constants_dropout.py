# expect: 0
# never: times what it should be
# Inverted dropout with p = 0.3, divided on the way out and multiplied on the way back.
import numpy as np
p = 0.3
mask = np.random.RandomState(1).rand(3, 4) > p
inputs = {"h": np.random.RandomState(0).randn(3, 4)}
def forward(i): return np.tanh(i["h"]) * mask / (1 - p)
def backward(i, dout): return {"h": dout * mask * (1.0 / (1.0 - p)) * (1 - np.tanh(i["h"]) ** 2)}
