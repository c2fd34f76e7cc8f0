# expect: 1
# The claim takes the conjugate for a constant.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return np.real(np.conj(i["x"]) * np.exp(i["x"])).sum()
def gradients(i): return {"x": i["x"] * np.exp(i["x"])}
