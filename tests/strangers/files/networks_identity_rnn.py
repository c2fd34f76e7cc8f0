# expect: 0
# A ReLU network whose recurrent kernel starts as the identity, which is its own transpose.
import numpy as np
def inputs(rng): return {"x": rng.standard_normal((4, 3, 2)), "W": rng.standard_normal((2, 4)), "U": np.eye(4), "b": rng.standard_normal(4) / 9}
def forward(i):
    h, hs = np.zeros((3, 4)), []
    for x in i["x"]:
        h = np.maximum(x @ i["W"] + h @ i["U"] + i["b"], 0)
        hs.append(h)
    return np.array(hs)
def backward(i, bars):
    hs, dh = forward(i), 0
    g = {k: np.zeros_like(v) for k, v in i.items()}
    for t in range(len(hs) - 1, -1, -1):
        da = (bars[t] + dh) * (hs[t] > 0)
        g["x"][t] = da @ i["W"].T
        g["W"] += i["x"][t].T @ da
        g["b"] += da.sum(0)
        if t: g["U"] += hs[t - 1].T @ da
        dh = da @ i["U"].T
    return g
