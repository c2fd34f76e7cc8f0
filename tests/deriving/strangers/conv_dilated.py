"""A causal convolution with a dilation of two in front of an LSTM (as in WaveNet and dilated RNN papers)."""
import numpy as np


def inputs(rng):
    T, D, C, H, K = 9, 3, 5, 4, 3
    n = lambda *s: 0.5 * rng.standard_normal(s)
    return {"x": n(T, D), "kernel": n(K, D, C), "kb": n(C), "W": n(C + H, 4 * H), "b": n(4 * H)}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def causal(x, kernel, dilation=2):
    K = kernel.shape[0]
    padded = np.concatenate([np.zeros((dilation * (K - 1), x.shape[1])), x])
    T = x.shape[0]
    return sum(padded[k * dilation : k * dilation + T] @ kernel[k] for k in range(K))


def loss(p):
    features = np.maximum(causal(p["x"], p["kernel"]) + p["kb"], 0)
    H = p["b"].shape[0] // 4
    h = np.zeros(H)
    c = np.zeros(H)
    total = 0.0
    for f_t in features:
        a = np.concatenate([f_t, h]) @ p["W"] + p["b"]
        i, f, g, o = sigmoid(a[:H]), sigmoid(a[H : 2 * H]), np.tanh(a[2 * H : 3 * H]), sigmoid(a[3 * H :])
        c = f * c + i * g
        h = o * np.tanh(c)
        total = total + np.sum(h**2)
    return total
