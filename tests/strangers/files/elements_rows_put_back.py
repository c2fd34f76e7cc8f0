# expect: 0
# The rows of an embedding's gradient are added where they came from, one of them twice.
import numpy as np
r = np.random.default_rng(0)
idx = np.concatenate([r.permutation(40), [7]])
inputs = {"E": r.standard_normal((40, 30))}
def forward(i): return np.tanh(i["E"][idx])
def backward(i, bar):
    g = np.zeros_like(i["E"])
    np.add.at(g, idx, bar * (1 - np.tanh(i["E"][idx]) ** 2))
    return {"E": g}
