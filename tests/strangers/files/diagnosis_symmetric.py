# expect: 1
# never: reversed
# A gradient that is the same from either end, and wrong by a factor that has no name.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3, -1.5, 0.5])}
def loss(i): return np.sum(np.cosh(i["x"]))
def gradients(i): return {"x": 1.7 * np.sinh(i["x"]) + 0.1}
