# STAR, the stackable recurrent cell (Turkoglu, D'Aronco, Wegner, Schindler 2019/2021).
# One sequence, plain vectors, a for loop, np.outer; every step predicts and is scored by its squared error.
import numpy as np

def sigmoid(a):
    return 1 / (1 + np.exp(-a))

def inputs(rng):
    D, H, K, T = 3, 5, 2, 6
    n = lambda *s: rng.normal(0, 0.7, size=s)
    return dict(Wk=n(H, D), Uk=n(H, H), bk=n(H), Wz=n(H, D), bz=n(H), V=n(K, H), c=n(K), x=n(T, D), h0=n(H), y=n(T, K))

def unroll(p):
    h, cache, total = p["h0"], [], 0.0
    for x, y in zip(p["x"], p["y"]):
        h_prev = h
        k = sigmoid(p["Wk"] @ x + p["Uk"] @ h_prev + p["bk"])  # eq 1
        z = np.tanh(p["Wz"] @ x + p["bz"])  # eq 2
        h = np.tanh((1 - k) * h_prev + k * z)  # eq 3
        out = p["V"] @ h + p["c"]  # eq 4
        total = total + ((out - y) ** 2).sum()  # eq 5
        cache.append((x, h_prev, k, z, h, out - y))
    return total, cache

def loss(p):
    return unroll(p)[0]

def gradients(p):
    _, cache = unroll(p)
    g = {name: np.zeros_like(value) for name, value in p.items()}
    dh = np.zeros_like(p["h0"])
    for t in range(len(cache) - 1, -1, -1):
        x, h_prev, k, z, h, e = cache[t]
        dout = 2 * e  # <- eq 5
        g["y"][t] -= 2 * e  # <- eq 5
        g["V"] += np.outer(dout, h)  # <- eq 4
        g["c"] += dout  # <- eq 4
        dh = dh + p["V"].T @ dout  # <- eq 1 + eq 3, eq 4
        du = dh * (1 - h ** 2)  # <- eq 3
        dk = du * (z - h_prev)  # <- eq 3
        dz = du * k  # <- eq 3
        dak = dk * k * (1 - k)  # <- eq 1
        daz = dz * (1 - z ** 2)  # <- eq 2
        g["Wk"] += np.outer(dak, x)  # <- eq 1
        g["Uk"] += np.outer(dak, h_prev)  # <- eq 1
        g["bk"] += dak  # <- eq 1
        g["Wz"] += np.outer(daz, x)  # <- eq 2
        g["bz"] += daz  # <- eq 2
        g["x"][t] = p["Wk"].T @ dak + p["Wz"].T @ daz  # <- eq 1, eq 2
        dh = du * (1 - k) + p["Uk"].T @ dak  # <- eq 3, eq 1
    g["h0"] = dh
    return g
