"""Conv-LSTM in two dimensions, channels first, by sliding windows."""
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def inputs(rng):
    B, T, N, M, D, H, K = 1, 3, 3, 4, 2, 1, 3
    n = lambda *s: 0.5 * rng.standard_normal(s)
    return {
        "Wx": n(4 * H, D, K, K), "Wh": n(4 * H, H, K, K), "b": n(4 * H, 1, 1),
        "X": n(T, B, D, N, M), "h0": n(B, H, N, M), "c0": n(B, H, N, M),
    }


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def conv2d(x, W):
    K = W.shape[-1]
    p = K // 2
    x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    windows = sliding_window_view(x, (K, K), axis=(2, 3))
    return np.einsum("bcnmkl,ockl->bonm", windows, W)


def loss(p):
    h, c = p["h0"], p["c0"]
    total = 0.0
    for x in p["X"]:
        gates = conv2d(x, p["Wx"]) + conv2d(h, p["Wh"]) + p["b"]
        i, f, o, g = np.split(gates, 4, axis=1)
        i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
        c = f * c + i * g
        h = o * np.tanh(c)
        total = total + 0.5 * np.sum(h * h)
    return total
