# expect: 0
# never: oracles not used: claim in balls
# says: cell is a function of the file's own
# A function that is called cell, and np.nditer.
import numpy as np, math
H, T = 3, 4
inputs = {"w": np.arange(1, 10).reshape(3, 3) / 7 - .6, "x": np.linspace(-1, 1, T * H).reshape(T, H), "a": np.array([.3, -.2, .5])}
def cell(w, h, x, a):
    pre = np.zeros(H)
    for j in range(H):
        s = a[j] * x[j]
        for k in range(H): s += w[j, k] * h[k]
        pre[j] = s
    out = np.empty_like(pre)
    it = np.nditer(pre, flags=["multi_index"])
    while not it.finished:
        out[it.multi_index] = math.tanh(it[0])
        it.iternext()
    return out
def forward(i):
    hs = np.zeros((T + 1, H))
    for t in range(T): hs[t + 1] = cell(i["w"], hs[t], i["x"][t], i["a"])
    return hs[1:]
def backward(i, bar):
    hs = np.zeros((T + 1, H))
    for t in range(T): hs[t + 1] = cell(i["w"], hs[t], i["x"][t], i["a"])
    out = {k: np.zeros_like(v) for k, v in i.items()}; d = np.zeros(H)
    for t in range(T)[::-1]:
        q = {"d": d + bar[t], "y": hs[t + 1], "h": hs[t], "hn": hs[t + 1]}
        q["d2"] = q["d"] * (1 - q["y"] * q["y"])
        for j, k in np.ndindex(H, H): out["w"][j, k] += q["d2"][j] * q["h"][k]
        out["a"] += q["d2"] * i["x"][t]; out["x"][t] = q["d2"] * i["a"]
        d = np.array([sum(i["w"][j][k] * q["d2"][j] for j in range(H)) for k in range(H)])
    return out
