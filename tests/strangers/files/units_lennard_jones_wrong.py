# expect: 1
# never: kink
# The repulsion without its factor of two, in metres.
import numpy as np
rng = np.random.default_rng(3)
pos = np.array([[0, 0, 0], [1.1, 0, 0], [0.5, 1.0, 0.1], [0.4, 0.3, 1.2]]) * 3.4e-10
inputs = {"x": pos}
sig, eps = 3.4e-10, 1.65e-21
def loss(i):
    E = 0.0
    for a in range(4):
        for b in range(a + 1, 4):
            d = i["x"][a] - i["x"][b]
            s6 = (sig ** 2 / np.sum(d * d)) ** 3
            E = E + 4 * eps * (s6 * s6 - s6)
    return E
def gradients(i):
    g = np.zeros_like(i["x"])
    for a in range(4):
        for b in range(a):
            d = i["x"][a] - i["x"][b]
            r2 = np.sum(d * d)
            s6 = (sig ** 2 / r2) ** 3
            f = 24 * eps * (s6 - s6 ** 2) / r2 * d
            g[a] += f; g[b] -= f
    return {"x": g}
