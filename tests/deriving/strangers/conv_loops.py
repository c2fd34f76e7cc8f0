"""Conv-LSTM in one dimension, NumPy, channels last: the convolution as a loop over the kernel's taps."""
import numpy as np

K = 3


def inputs(rng):
    B, T, N, D, H = 2, 4, 4, 1, 2
    n = lambda *s: 0.5 * rng.standard_normal(s)
    return {"Wx": n(K, D, 4 * H), "Wh": n(K, H, 4 * H), "b": n(4 * H), "X": n(T, B, N, D), "h0": n(B, N, H), "c0": n(B, N, H)}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def conv(x, W):
    pad = K // 2
    xp = np.pad(x, ((0, 0), (pad, pad), (0, 0)))
    out = 0
    for k in range(K):
        out = out + xp[:, k : k + x.shape[1]] @ W[k]
    return out


def forward(p):
    h, c = p["h0"], p["c0"]
    hs = []
    for x in p["X"]:
        a = conv(x, p["Wx"]) + conv(h, p["Wh"]) + p["b"]
        ai, af, ag, ao = np.split(a, 4, axis=-1)
        i, f, g, o = sigmoid(ai), sigmoid(af), np.tanh(ag), sigmoid(ao)
        c = f * c + i * g
        h = o * np.tanh(c)
        hs.append(h)
    return np.stack(hs)
