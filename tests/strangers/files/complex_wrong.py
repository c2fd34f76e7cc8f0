# expect: 1
# A gradient whose imaginary part is a third of what either convention wants.
import numpy as np
inputs = {"z": np.array([0.5 + 0.2j, -1.5 + 1j, 0.3 - 0.9j])}
def loss(i): return np.sum(np.real(i["z"]) ** 2 + 3 * np.imag(i["z"]) ** 2)
def gradients(i): return {"z": 2 * i["z"]}
