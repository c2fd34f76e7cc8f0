# expect: 0
# says: unchecked: x
# Gradients of the parameters, none of the data.
import numpy as np
def inputs(rng): return {"w": rng.normal(size=(2, 3)), "x": rng.normal(size=(4, 2))}
def loss(i): return np.tanh(i["x"] @ i["w"]).sum()
def gradients(i): return {"w": i["x"].T @ (1 - np.tanh(i["x"] @ i["w"]) ** 2)}
