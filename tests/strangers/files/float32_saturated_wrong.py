# expect: 1 or 2
# never: exact gradient
# Of a tanh near 8 a float32 keeps not one digit of 1 - y²: a mistake of 7 % cannot be told from rounding, nor be called right.
import numpy as np
inputs = {"x": np.array([[1.31, 1.13, 0.68, 0.55, 1.25]]), "w": np.array([[1.37], [-0.15], [1.99], [1.56], [1.19]]) * 1.15}
def forward(i):
    return np.tanh(i["x"].astype(np.float32) @ i["w"].astype(np.float32))
def backward(i, bar):
    x, w = i["x"].astype(np.float32), i["w"].astype(np.float32)
    a_bar = np.asarray(bar).astype(np.float32) * (1 - np.tanh(x @ w) ** 2)
    x_bar = (a_bar @ w.T).astype(float)
    x_bar[0, 2] *= 1.07
    return {"x": x_bar, "w": (x.T @ a_bar).astype(float)}
