# expect: 0
# The modulus of a filter's response at one frequency.
import numpy as np
e = np.exp(-1j * np.arange(4) * 0.7)
inputs = {"h": np.array([0.5, -0.2, 0.9, 0.1])}
def loss(i): return np.abs(np.sum(i["h"] * e))
def gradients(i):
    s = np.sum(i["h"] * e)
    return {"h": np.real(np.conj(s) * e) / np.abs(s)}
