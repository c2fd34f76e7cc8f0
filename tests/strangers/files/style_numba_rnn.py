# expect: 0
# needs: numba
# never: oracles not used: claim in balls
# A forward that numba compiles: it is traced as its author wrote it, so the claim is proven.
import numpy as np
import numba as nb
T, D, H = 4, 3, 2
def inputs(rng): return {"W": rng.normal(size=(H, H)), "U": rng.normal(size=(H, D)), "x": rng.normal(size=(T, D))}
@nb.njit
def run(W, U, x):
    hs = np.zeros((T + 1, H))
    for t in range(T):
        for j in range(H):
            s = 0.0
            for k in range(H): s += W[j, k] * hs[t, k]
            for k in range(D): s += U[j, k] * x[t, k]
            hs[t + 1, j] = np.tanh(s)
    return hs
def forward(i): return run(i["W"], i["U"], i["x"])[1:]
def backward(i, bar):
    hs = run(i["W"], i["U"], i["x"])
    g = {k: np.zeros(v.shape) for k, v in i.items()}
    dh = np.zeros(H)
    for t in range(T - 1, -1, -1):
        dz = (dh + bar[t]) * (1 - hs[t + 1] ** 2)
        g["W"] += np.outer(dz, hs[t]); g["U"] += np.outer(dz, i["x"][t])
        g["x"][t] = i["U"].T @ dz
        dh = i["W"].T @ dz
    return g
