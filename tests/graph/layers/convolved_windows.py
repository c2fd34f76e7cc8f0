# A recurrence whose state and input are filtered by windows of a padded vector, each a dot product with the kernel.
# slip: dh = same(da, p["kh"][::-1]) => dh = same(da, p["kh"]) ¦ reversed ¦ return np.array([np.dot(w[i : i + K], k)
# slip: d["x"][t] = same(da, p["kx"][::-1]) => d["x"][t] = same(da, p["kx"]) ¦ reversed ¦ return np.array([np.dot(w[i : i + K], k)
import numpy as np

S, K = 7, 3


def inputs(rng):
    return {"kx": rng.standard_normal(K), "kh": rng.standard_normal(K), "x": rng.standard_normal((3, S))}


def same(v, k):
    w = np.pad(v, K // 2)
    return np.array([np.dot(w[i : i + K], k) for i in range(S)])


def states(p):
    h, hs = np.zeros(S), [np.zeros(S)]
    for x in p["x"]:
        h = np.tanh(same(x, p["kx"]) + same(h, p["kh"]))
        hs.append(h)
    return hs


def loss(p):
    return np.sum(states(p)[-1] ** 2) / 2


def gradients(p):
    hs, d = states(p), {k: np.zeros_like(v) for k, v in p.items()}
    dh = hs[-1]
    for t in (2, 1, 0):
        da = dh * (1 - hs[t + 1] ** 2)
        for name, v in (("kx", p["x"][t]), ("kh", hs[t])):
            w = np.pad(v, K // 2)
            d[name] += np.array([da @ w[j : j + S] for j in range(K)])
        d["x"][t] = same(da, p["kx"][::-1])
        dh = same(da, p["kh"][::-1])
    return d
