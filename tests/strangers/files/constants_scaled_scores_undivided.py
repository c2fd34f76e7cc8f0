# expect: 1
# says: lacks the factor 1 / 1.73205
# A division that is forgotten on the way back to one of the two readers of k.
import numpy as np
def inputs(rng): return {"q": rng.standard_normal((3, 3)), "k": rng.standard_normal((2, 3))}
def forward(i):
    a = np.tanh(i["q"] @ i["k"].T / np.sqrt(3))
    return a @ i["k"]
def backward(i, bar):
    a = np.tanh(i["q"] @ i["k"].T / np.sqrt(3))
    ds = (bar @ i["k"].T) * (1 - a ** 2)
    return {"q": ds @ i["k"] / np.sqrt(3), "k": a.T @ bar + ds.T @ i["q"]}
