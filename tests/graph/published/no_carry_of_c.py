# edge: c = f * c_prev + i * g
# edit: dropped
# An LSTM, batch first, four kernels in one: the cell's cotangent starts at zero in every step.
import numpy as np

T, B, D, H = 4, 2, 2, 3


def sig(a):
    return 1 / (1 + np.exp(-a))


def inputs(rng):
    return {"W": 0.7 * rng.standard_normal((D + H, 4 * H)), "b": rng.standard_normal(4 * H), "x": rng.standard_normal((T, B, D)),
            "h": rng.standard_normal((B, H)), "c": rng.standard_normal((B, H))}


def lstm(p):
    h, c, tape = p["h"], p["c"], []
    for x in p["x"]:
        z, c_prev = np.concatenate([x, h], axis=1), c
        a = z @ p["W"] + p["b"]
        i, f, o, g = sig(a[:, :H]), sig(a[:, H : 2 * H]), sig(a[:, 2 * H : 3 * H]), np.tanh(a[:, 3 * H :])
        c = f * c_prev + i * g
        h = o * np.tanh(c)
        tape.append((z, c_prev, i, f, o, g, c, h))
    return tape


def forward(p):
    return np.stack([step[-1] for step in lstm(p)])


def backward(p, dhs):
    dW, db, dx, dh = np.zeros_like(p["W"]), np.zeros_like(p["b"]), np.zeros_like(p["x"]), np.zeros_like(p["h"])
    for t, (z, c_prev, i, f, o, g, c, h) in reversed(list(enumerate(lstm(p)))):
        dh = dh + dhs[t]
        dc = dh * o * (1 - np.tanh(c) ** 2)
        da = np.concatenate([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dh * np.tanh(c) * o * (1 - o), dc * i * (1 - g**2)], axis=1)
        dW += z.T @ da
        db += da.sum(0)
        dz = da @ p["W"].T
        dx[t], dh = dz[:, :D], dz[:, D:]
    return {"W": dW, "b": db, "x": dx, "h": dh, "c": dc * f}
