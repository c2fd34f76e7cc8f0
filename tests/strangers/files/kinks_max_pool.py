# expect: 0
# A 2 by 2 max pool with loops, its argmax kept, float-only.
import numpy as np
inputs = {"x": np.random.RandomState(2).randn(4, 6)}
def pool(x):
    out, where = np.zeros((2, 3)), {}
    for r in range(2):
        for c in range(3):
            block = x[2 * r:2 * r + 2, 2 * c:2 * c + 2]
            k = np.unravel_index(np.argmax(block), (2, 2))
            out[r, c], where[r, c] = block[k], (2 * r + k[0], 2 * c + k[1])
    return out, where
def forward(i): return pool(np.asarray(i["x"], float))[0]
def backward(i, bar):
    x = np.asarray(i["x"], float)
    g = np.zeros(x.shape)
    for k, at in pool(x)[1].items(): g[at] += bar[k]
    return {"x": g}
