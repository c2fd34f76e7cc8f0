# expect: 1
# The rows of an embedding's gradient are permuted.
import numpy as np
r = np.random.default_rng(0)
idx = r.permutation(40)
inputs = {"E": r.standard_normal((40, 30))}
def forward(i): return np.tanh(i["E"][idx])
def backward(i, bar): return {"E": (bar * (1 - np.tanh(i["E"][idx]) ** 2))[idx]}
