# expect: 1
# says: what h hands back to p["Wx"] @ p["x"][t] + p["Wh"] @ hs[-1] + p["b"] lacks the derivative of tanh
# never: there belongs
# A sum of parameters out of a dict is no parameter.
import numpy as np
T, H, D = 4, 3, 2
def inputs(rng): return {"Wx": rng.standard_normal((H, D)), "Wh": rng.standard_normal((H, H)), "b": rng.standard_normal(H), "x": rng.standard_normal((T, D))}
def run(p):
    hs = [np.zeros(H)]
    for t in range(T):
        h = np.tanh(p["Wx"] @ p["x"][t] + p["Wh"] @ hs[-1] + p["b"])
        hs.append(h)
    return hs
def forward(p): return run(p)[-1]
def backward(p, dh):
    hs = run(p)
    d = {k: np.zeros(v.shape) for k, v in p.items()}
    for t in reversed(range(T)):
        da = dh                                        # (1 - h^2) forgotten
        d["Wx"] += np.outer(da, p["x"][t]); d["Wh"] += np.outer(da, hs[t]); d["b"] += da
        d["x"][t] = p["Wx"].T @ da
        dh = p["Wh"].T @ da
    return d
