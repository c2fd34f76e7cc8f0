# expect: 0 or 1
# says: cotangent
# backward multiplies in place into the cotangent it is given, as `dout *= mask` does; the result is right, and it is said.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def forward(i): return np.tanh(i["x"])
def backward(i, dout):
    dout *= 1 - np.tanh(i["x"]) ** 2
    return {"x": dout}
