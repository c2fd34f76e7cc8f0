# edge: y = H_all[:, -1] @ Wy + by
# edit: head at every step
# A many-to-one regressor, batch first: the cotangent of the last state is added at every step.
import numpy as np

N, T, D, H = 3, 4, 2, 3


def inputs(rng):
    n = rng.normal
    return {"Wx": n(size=(D, H)), "Wh": n(size=(H, H)), "b": n(size=H), "Wy": n(size=(H, 1)), "by": n(size=1), "X": n(size=(N, T, D)), "Y": n(size=(N, 1))}


def fwd(p):
    Wy, by, h, all_h = p["Wy"], p["by"], np.zeros((N, H)), []
    for t in range(T):
        h = np.tanh(p["X"][:, t] @ p["Wx"] + h @ p["Wh"] + p["b"])
        all_h.append(h)
    H_all = np.stack(all_h, axis=1)
    y = H_all[:, -1] @ Wy + by
    return H_all, y


def loss(p):
    return np.mean((fwd(p)[1] - p["Y"]) ** 2)


def gradients(p):
    H_all, y = fwd(p)
    dy = 2 * (y - p["Y"]) / N
    g = {"Wy": H_all[:, -1].T @ dy, "by": dy.sum(0), "Wx": 0, "Wh": 0, "b": 0, "X": np.zeros_like(p["X"]), "Y": -dy}
    dlast, dnext = dy @ p["Wy"].T, np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        before = H_all[:, t - 1] if t else np.zeros((N, H))
        da = (dlast + dnext) * (1 - H_all[:, t] ** 2)
        g["Wx"] = g["Wx"] + p["X"][:, t].T @ da
        g["Wh"] = g["Wh"] + before.T @ da
        g["b"] = g["b"] + da.sum(0)
        g["X"][:, t] = da @ p["Wx"].T
        dnext = da @ p["Wh"].T
    return g
