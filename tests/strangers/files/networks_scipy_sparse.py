# expect: 0
# A graph convolution with a scipy sparse adjacency, float-only.
import numpy as np
import scipy.sparse as sp
A = sp.csr_matrix(np.array([[0.5, 0.5, 0, 0], [1 / 3, 1 / 3, 1 / 3, 0], [0, 0.5, 0.25, 0.25], [0, 0, 0.1, 0.9]]))
def inputs(rng): return {"X": rng.normal(size=(4, 3)), "W": rng.normal(size=(3, 2))}
f = lambda v: np.asarray(v, dtype=np.float64)
def forward(i): return np.tanh(A @ (f(i["X"]) @ f(i["W"])))
def backward(i, bar):
    y = forward(i)
    d = A.T @ (bar * (1 - y * y))
    return {"X": d @ f(i["W"]).T, "W": f(i["X"]).T @ d}
