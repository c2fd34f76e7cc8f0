# expect: 1
# The adjoint of a recursive filter is not run backwards.
import numpy as np
from scipy.signal import lfilter
rng = np.random.default_rng(5)
b, a = [0.2, 0.3], [1.0, -0.5, 0.1]
inputs = {"x": rng.standard_normal(17)}
def loss(i): return np.mean(lfilter(b, a, i["x"]) ** 2)
def gradients(i):
    y = lfilter(b, a, i["x"])
    g = 2 * y / len(y)
    return {"x": lfilter(b, a, g)}
