# expect: 0
# A saturated tanh: a gradient of 1e-101 beside others of size 1, of which 80 digits see not one digit, and 160 do.
import numpy as np
inputs = {"x": np.array([0.5, -0.2]), "y": np.array([117.3, 117.3])}
def loss(i): return (np.sin(i["x"]) * np.tanh(i["y"])).sum()
def gradients(i): return {"x": np.cos(i["x"]) * np.tanh(i["y"]), "y": np.sin(i["x"]) / np.cosh(i["y"]) ** 2}
