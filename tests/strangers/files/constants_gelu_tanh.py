# expect: 0
# never: times what it should be
# GELU with tanh in NumPy, the constant written in two ways.
import numpy as np
inputs = {"x": np.array([[0.5, -1.5], [0.3, 2.0], [-0.1, 0.7]])}
def forward(i):
    x = i["x"]
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))
def backward(i, dy):
    x = i["x"]
    c = 0.7978845608028654
    t = np.tanh(c * x + c * 0.044715 * x ** 3)
    return {"x": dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x))}
