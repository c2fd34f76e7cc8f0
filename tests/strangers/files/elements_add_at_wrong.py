# expect: 1
# Tokens twice in a row are added once.
import numpy as np
rng = np.random.default_rng(1)
tokens = np.array([[1, 4, 4, 0], [2, 2, 6, 3], [5, 1, 1, 1]])
inputs = {"E": rng.standard_normal((7, 3)), "W": rng.standard_normal((3, 2))}
def forward(i):
    e = i["E"][tokens].mean(axis=1)
    return np.tanh(e) @ i["W"]
def backward(i, g):
    h = np.tanh(i["E"][tokens].mean(1))
    dW = h.T @ g
    de = (g @ i["W"].T) * (1 - h * h) / tokens.shape[1]
    dE = np.zeros_like(i["E"])
    for r in range(3): dE[tokens[r]] += de[r]
    return {"E": dE, "W": dW}
