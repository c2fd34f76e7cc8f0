# expect: 1
# says: lacks the factor mask
# never: activation
# A mask that is forgotten on the way back is called a factor, and no activation.
import numpy as np
mask = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
def inputs(rng): return {"q": rng.standard_normal((3, 3)), "k": rng.standard_normal((2, 3))}
def forward(i):
    s = i["q"] @ i["k"].T / np.sqrt(3)
    y = s * mask
    return np.tanh(y)
def backward(i, bar):
    s = i["q"] @ i["k"].T / np.sqrt(3)
    dy = bar * (1 - np.tanh(s * mask) ** 2)
    ds = dy
    da = ds / np.sqrt(3)
    return {"q": da @ i["k"], "k": da.T @ i["q"]}
