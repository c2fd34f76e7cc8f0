# Legendre Memory Unit (Voelker, Kajic, Eliasmith 2019): columns, one dict of caches a value, keyed by time as in the old
# char-rnn gist. The memory's A and B are not learned; the last state is compared with a target.
import numpy as np

T, D, H, N, THETA = 5, 2, 4, 3, 3.0


def legendre():
    A, B = np.zeros((N, N)), np.zeros((N, 1))
    for i in range(N):
        B[i] = (2 * i + 1) * (-1.0) ** i / THETA
        for j in range(N):
            A[i, j] = (2 * i + 1) / THETA * (-1 if i < j else (-1.0) ** (i - j + 1))
    return np.eye(N) + A, B  # Euler's step


A_bar, B_bar = legendre()


def inputs(rng):
    p = {"ex": (1, D), "eh": (1, H), "em": (1, N), "Wx": (H, D), "Wh": (H, H), "Wm": (H, N), "h": (H, 1), "m": (N, 1),
         "target": (H, 1)}
    p = {k: 0.6 * rng.standard_normal(s) for k, s in p.items()}
    p["x"] = rng.standard_normal((T, D, 1))
    return p


def model(p):
    hs, ms, us = {-1: p["h"]}, {-1: p["m"]}, {}
    for t in range(T):
        us[t] = np.dot(p["ex"], p["x"][t]) + np.dot(p["eh"], hs[t - 1]) + np.dot(p["em"], ms[t - 1])  # (a)
        ms[t] = np.dot(A_bar, ms[t - 1]) + np.dot(B_bar, us[t])  # (b)
        hs[t] = np.tanh(np.dot(p["Wx"], p["x"][t]) + np.dot(p["Wh"], hs[t - 1]) + np.dot(p["Wm"], ms[t]))  # (c)
    loss = 0.5 * np.sum((hs[T - 1] - p["target"]) ** 2)  # (d)
    return loss, hs, ms, us


def loss(p):
    return model(p)[0]


def gradients(p):
    loss, hs, ms, us = model(p)
    dex, deh, dem = np.zeros_like(p["ex"]), np.zeros_like(p["eh"]), np.zeros_like(p["em"])
    dWx, dWh, dWm = np.zeros_like(p["Wx"]), np.zeros_like(p["Wh"]), np.zeros_like(p["Wm"])
    dx = np.zeros_like(p["x"])
    dh = hs[T - 1] - p["target"]  # <- (d)
    dtarget = p["target"] - hs[T - 1]  # <- (d)
    dm = np.zeros_like(p["m"])
    for t in reversed(range(T)):
        draw = (1 - hs[t] * hs[t]) * dh  # <- (c)
        dWx += np.dot(draw, p["x"][t].T)  # <- (c)
        dWh += np.dot(draw, hs[t - 1].T)  # <- (c)
        dWm += np.dot(draw, ms[t].T)  # <- (c)
        dm = dm + np.dot(p["Wm"].T, draw)  # <- (a) + (b), (c)
        du = np.dot(B_bar.T, dm)  # <- (b)
        dex += np.dot(du, p["x"][t].T)  # <- (a)
        deh += np.dot(du, hs[t - 1].T)  # <- (a)
        dem += np.dot(du, ms[t - 1].T)  # <- (a)
        dx[t] = np.dot(p["Wx"].T, draw) + np.dot(p["ex"].T, du)  # <- (c), (a)
        dh = np.dot(p["Wh"].T, draw) + np.dot(p["eh"].T, du)  # <- (c), (a)
        dm = np.dot(A_bar.T, dm) + np.dot(p["em"].T, du)  # <- (b), (a)
    return {"ex": dex, "eh": deh, "em": dem, "Wx": dWx, "Wh": dWh, "Wm": dWm, "h": dh, "m": dm, "target": dtarget, "x": dx}
