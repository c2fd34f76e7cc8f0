# expect: 0
# Inputs that are Python floats and zero-dimensional arrays.
import numpy as np
inputs = {"a": 0.7, "b": np.array(1.3), "c": np.float64(0.2)}
def loss(i): return np.sin(i["a"]) * i["b"] + i["c"] ** 2
def gradients(i): return {"a": np.cos(i["a"]) * i["b"], "b": np.sin(i["a"]), "c": 2 * i["c"]}
