import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_forward(x, h0, Wz, Wr, Wh):
    hs, cache = [], []
    h = h0
    for t in range(len(x)):
        v = np.concatenate([x[t], h], 1)
        z, r = sigmoid(v @ Wz), sigmoid(v @ Wr)
        v2 = np.concatenate([x[t], r * h], 1)
        n = np.tanh(v2 @ Wh)
        hn = (1 - z) * h + z * n
        cache.append((v, v2, z, r, n, h))
        hs.append(hn)
        h = hn
    return np.array(hs), (cache, Wz, Wr, Wh)


def gru_backward(dhs, tape):
    cache, Wz, Wr, Wh = tape
    dWz, dWr, dWh = np.zeros_like(Wz), np.zeros_like(Wr), np.zeros_like(Wh)
    H = dhs.shape[2]
    D = Wz.shape[0] - H
    dx = []
    dh = 0
    for t in reversed(range(len(dhs))):
        v, v2, z, r, n, h = cache[t]
        d = dhs[t] + dh
        dn = d * z * (1 - n * n)
        dz = d * (n - h) * z * (1 - z)
        dv2 = dn @ Wh.T
        dr = dv2[:, D:] * h * r * (1 - r)
        dv = dz @ Wz.T + dr @ Wr.T
        dWz += v.T @ dz
        dWr += v.T @ dr
        dWh += v2.T @ dn
        dx.insert(0, dv[:, :D] + dv2[:, :D])
        dh = d * (1 - z) + dv[:, D:] + dv2[:, D:]
    return np.array(dx), dh, dWz, dWr, dWh
