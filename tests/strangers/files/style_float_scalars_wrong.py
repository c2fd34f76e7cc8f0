# expect: 1
# Inputs that are Python floats, one of whose gradients is wrong.
import numpy as np
inputs = {"a": 0.7, "b": np.array(1.3), "c": np.float64(0.2)}
def loss(i): return np.sin(i["a"]) * i["b"] + i["c"] ** 2
def gradients(i): return {"a": np.cos(i["a"]), "b": np.sin(i["a"]), "c": 2 * i["c"]}
