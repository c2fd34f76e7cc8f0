# expect: 0
# A convolution with four nested loops, one image of two channels, stride 2.
import numpy as np
def inputs(rng): return {"x": rng.normal(size=(2, 5, 5)), "k": rng.normal(size=(3, 2, 3, 3)), "b": rng.normal(size=3)}
def forward(i):
    out = np.zeros((3, 2, 2), dtype=i["x"].dtype)
    for c in range(3):
        for r in range(2):
            for s in range(2): out[c, r, s] = np.sum(i["k"][c] * i["x"][:, 2 * r:2 * r + 3, 2 * s:2 * s + 3]) + i["b"][c]
    return out
def backward(i, bar):
    dx, dk = np.zeros_like(i["x"]), np.zeros_like(i["k"])
    for c in range(3):
        for r in range(2):
            for s in range(2):
                dk[c] += bar[c, r, s] * i["x"][:, 2 * r:2 * r + 3, 2 * s:2 * s + 3]
                dx[:, 2 * r:2 * r + 3, 2 * s:2 * s + 3] += bar[c, r, s] * i["k"][c]
    return {"x": dx, "k": dk, "b": bar.sum((1, 2))}
