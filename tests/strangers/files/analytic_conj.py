# expect: 0
# x times its conjugate, the real part: a square, for real numbers.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return np.real(np.conj(i["x"]) * np.exp(i["x"])).sum()
def gradients(i): return {"x": (1 + i["x"]) * np.exp(i["x"])}
