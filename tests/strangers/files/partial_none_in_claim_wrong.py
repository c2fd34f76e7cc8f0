# expect: 1 or 2
# never: exact gradient
# None as the gradient of an input that the loss reads.
import numpy as np
inputs = {"x": np.array([0.5, 2.0]), "b": np.array([1.0])}
def loss(i): return (i["x"] ** 2 * i["b"]).sum()
def gradients(i): return {"x": 2 * i["x"] * i["b"], "b": None}
