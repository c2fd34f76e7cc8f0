# expect: 1
# says: wrong
# The forward is the tanh form, the claim the derivative of the erf form: off by 1e-3.
import numpy as np
from scipy.special import erf
inputs = {"x": np.array([[0.5, -1.5], [0.3, 2.0], [-0.1, 0.7]])}
def forward(i):
    x = i["x"]
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))
def backward(i, dy):
    x = np.asarray(i["x"], dtype=float)
    return {"x": dy * (0.5 * (1 + erf(x / np.sqrt(2))) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi))}
