# expect: 1
# The hinge loss counts -1 at the right class, however many margins are violated.
import numpy as np
X = np.random.RandomState(0).randn(5, 4)
y = np.array([0, 2, 1, 2, 0])
inputs = {"W": np.random.RandomState(1).randn(4, 3) * 0.3}
def loss(i):
    W = np.asarray(i["W"], float)
    s = X @ W
    m = np.maximum(0, s - s[np.arange(5), y][:, None] + 1)
    m[np.arange(5), y] = 0
    return m.sum() / 5 + 0.05 * np.sum(W * W)
def gradients(i):
    W = np.asarray(i["W"], float)
    s = X @ W
    m = s - s[np.arange(5), y][:, None] + 1
    m[np.arange(5), y] = 0
    d = (m > 0).astype(float)
    d[np.arange(5), y] = -1
    return {"W": X.T.dot(d) / 5 + 2 * 0.05 * W}
