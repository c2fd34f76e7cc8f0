# expect: 0 or 2
# A module-level __getattr__ that raises for every name it does not know: the names it does know are enough.
import numpy as np
inputs = {"x": np.array([0.5, 2.0])}
def loss(i): return (i["x"] ** 3).sum()
def gradients(i): return {"x": 3 * i["x"] ** 2}
def __getattr__(name): raise RuntimeError(f"who asks for {name}?")
