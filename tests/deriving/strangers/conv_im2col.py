"""ConvLSTM by im2col and a matrix."""
import numpy as np


def inputs(rng):
    T, B, C, H, N, K = 3, 2, 2, 2, 4, 3
    n = lambda *s: 0.5 * rng.standard_normal(s)
    return {"W": n(K * (C + H), 4 * H), "b": n(4 * H), "X": n(T, B, N, C)}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def im2col(x, K=3):
    B, N, C = x.shape
    xp = np.pad(x, ((0, 0), (K // 2, K // 2), (0, 0)))
    cols = np.stack([xp[:, k : k + N] for k in range(K)], axis=2)
    return cols.reshape(B, N, K * C)


def forward(p):
    T, B, N, C = p["X"].shape
    H = p["b"].shape[0] // 4
    h, c = np.zeros((B, N, H)), np.zeros((B, N, H))
    hs = []
    for t in range(T):
        a = im2col(np.concatenate([p["X"][t], h], axis=-1)) @ p["W"] + p["b"]
        i, f, o, g = sigmoid(a[..., :H]), sigmoid(a[..., H : 2 * H]), sigmoid(a[..., 2 * H : 3 * H]), np.tanh(a[..., 3 * H :])
        c = f * c + i * g
        h = o * np.tanh(c)
        hs.append(h)
    return np.stack(hs)
