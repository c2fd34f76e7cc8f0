# expect: 1
# The modulus of a response at one frequency; the claim differentiates its real part.
import numpy as np
e = np.exp(-1j * np.arange(4) * 0.7)
inputs = {"h": np.array([0.5, -0.2, 0.9, 0.1])}
def loss(i): return np.abs(np.sum(i["h"] * e))
def gradients(i):
    return {"h": np.real(e)}
