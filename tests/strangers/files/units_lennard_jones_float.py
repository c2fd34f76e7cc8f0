# expect: 0
# never: kink
# Four atoms in metres, code that takes floats alone.
import numpy as np
rng = np.random.default_rng(3)
pos = np.array([[0, 0, 0], [1.1, 0, 0], [0.5, 1.0, 0.1], [0.4, 0.3, 1.2]]) * 3.4e-10
inputs = {"x": pos}
sig, eps = 3.4e-10, 1.65e-21
def loss(i):
    E = 0.0
    for a in range(4):
        for b in range(a + 1, 4):
            d = np.asarray(i["x"], float)[a] - np.asarray(i["x"], float)[b]
            s6 = (sig ** 2 / np.sum(d * d)) ** 3
            E = E + 4 * eps * (s6 * s6 - s6)
    return float(E)
def gradients(i):
    g = np.zeros((4, 3))
    for a in range(4):
        for b in range(a):
            d = np.asarray(i["x"], float)[a] - np.asarray(i["x"], float)[b]
            r2 = np.sum(d * d)
            s6 = (sig ** 2 / r2) ** 3
            f = 24 * eps * (s6 - 2 * s6 ** 2) / r2 * d
            g[a] += f; g[b] -= f
    return {"x": g}
