# expect: 1
# says: wrong
# Inverted dropout whose claim divides by p where it should by 1 - p.
import numpy as np
p = 0.3
mask = np.random.RandomState(1).rand(3, 4) > p
inputs = {"h": np.random.RandomState(0).randn(3, 4)}
def forward(i): return np.tanh(i["h"]) * mask / (1 - p)
def backward(i, dout): return {"h": dout * mask / p * (1 - np.tanh(i["h"]) ** 2)}
