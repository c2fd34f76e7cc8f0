"""A NumPy LSTM with a softmax at every step, its four kernels in one, buffers from np.zeros: 73,165 parameters."""

import numpy as np

H, V, T = 100, 65, 20
text = np.random.RandomState(2).randint(V, size=T + 1)


def inputs(rng):
    return {
        "W": rng.standard_normal((4 * H, H + V)) * 0.1,
        "b": rng.standard_normal(4 * H) * 0.1,
        "Wy": rng.standard_normal((V, H)) * 0.1,
        "by": rng.standard_normal(V) * 0.1,
        "h0": rng.standard_normal(H) * 0.1,
        "c0": rng.standard_normal(H) * 0.1,
    }


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def run(p):
    h, c = np.zeros((T + 1, H)), np.zeros((T + 1, H))
    h[0], c[0] = p["h0"], p["c0"]
    z, gates, probs, total = np.zeros((T, H + V)), np.zeros((T, 4 * H)), np.zeros((T, V)), 0.0
    for t in range(T):
        z[t, :H] = h[t]
        z[t, H + text[t]] = 1.0
        a = p["W"] @ z[t] + p["b"]
        gates[t, : 3 * H] = sigmoid(a[: 3 * H])
        gates[t, 3 * H :] = np.tanh(a[3 * H :])
        f, i, o, g = np.split(gates[t], 4)
        c[t + 1] = f * c[t] + i * g
        h[t + 1] = o * np.tanh(c[t + 1])
        y = p["Wy"] @ h[t + 1] + p["by"]
        e = np.exp(y - y.max())
        probs[t] = e / e.sum()
        total -= np.log(probs[t, text[t + 1]])
    return total / T, h, c, z, gates, probs


def loss(p):
    return run(p)[0]


def gradients(p):
    _, h, c, z, gates, probs = run(p)
    dW, db, dWy, dby = np.zeros((4 * H, H + V)), np.zeros(4 * H), np.zeros((V, H)), np.zeros(V)
    dh, dc = np.zeros(H), np.zeros(H)
    for t in range(T - 1, -1, -1):
        dy = probs[t].copy()
        dy[text[t + 1]] -= 1.0
        dy /= T
        dWy += np.outer(dy, h[t + 1])
        dby += dy
        dh = dh + p["Wy"].T @ dy
        f, i, o, g = np.split(gates[t], 4)
        u = np.tanh(c[t + 1])
        dc = dc + dh * o * (1 - u**2)
        da = np.concatenate([dc * c[t] * f * (1 - f), dc * g * i * (1 - i), dh * u * o * (1 - o), dc * i * (1 - g**2)])
        dW += np.outer(da, z[t])
        db += da
        dh = (p["W"].T @ da)[:H]
        dc = dc * f
    return {"W": dW, "b": db, "Wy": dWy, "by": dby, "h0": dh, "c0": dc}
