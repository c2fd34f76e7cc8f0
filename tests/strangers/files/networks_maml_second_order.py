# expect: 0
# One inner step of gradient descent, differentiated through: a gradient of a gradient, by hand.
import numpy as np
A = np.array([[2.0, 0.3], [0.3, 1.0]])
inputs = {"w": np.array([0.7, -0.4]), "lr": np.array(0.1)}
def inner(i): return i["w"] - i["lr"] * (A @ i["w"])
def loss(i): return np.sum(np.cos(inner(i)))
def gradients(i):
    g = -np.sin(inner(i))
    return {"w": g - i["lr"] * (A.T @ g), "lr": np.asarray(-(g @ (A @ i["w"])))}
