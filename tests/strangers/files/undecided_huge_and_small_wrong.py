# expect: 1 or 2
# never: exact gradient
# A loss of 1e10 whose float-only part of 1e-8 has the gradient of another function.
import numpy as np
inputs = {"a": np.array([1e5]), "b": np.array([0.3, 0.4])}
def loss(i): return float(i["a"][0]) ** 2 + 1e-8 * float(np.sin(np.asarray(i["b"], float)).sum())
def gradients(i): return {"a": 2 * np.asarray(i["a"], float), "b": 3e-8 * np.sin(np.asarray(i["b"], float))}
