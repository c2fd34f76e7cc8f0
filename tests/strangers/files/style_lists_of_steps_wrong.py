# expect: 1
# says: The mistake
# Means, sums and ufuncs of lists of steps; the derivative is taken at the step before.
import numpy as np
T, H = 3, 4
def inputs(rng): return {"w": rng.normal(size=(H, H)), "x": [rng.normal(size=H) for _ in range(T)]}
def run(i):
    hs = [np.zeros(H)]
    for x in i["x"]: hs.append(np.tanh(np.dot(i["w"], hs[-1]) + x))
    return hs
def forward(i):
    hs = run(i)
    return {"mean": np.mean(hs[1:], axis=0), "sum": np.sum(hs[1:], axis=0), "top": np.max(hs[1:], axis=0), "norm": np.linalg.norm([h[0] for h in hs[1:]]), "e": np.exp([h[1] for h in hs[1:]]), "d": np.dot([h[2] for h in hs[1:]], [1., 2., 3.]), "a": np.add([h[0] for h in hs[1:]], 1.0)}
def backward(i, bar):
    hs = run(i); g = {"w": np.zeros((H, H)), "x": [None] * T}; dh = np.zeros(H)
    arg = np.argmax(hs[1:], axis=0); n = np.linalg.norm([h[0] for h in hs[1:]])
    for t in reversed(range(T)):
        dh = dh + bar["mean"] / T + bar["sum"] + bar["top"] * (arg == t)
        dh[0] += bar["norm"] * hs[t + 1][0] / n + bar["a"][t]
        dh[1] += bar["e"][t] * np.exp(hs[t + 1][1]); dh[2] += bar["d"] * (t + 1)
        dz = dh * (1 - hs[t] ** 2)
        g["w"] += np.outer(dz, hs[t]); g["x"][t] = dz
        dh = i["w"].T @ dz
    return g
