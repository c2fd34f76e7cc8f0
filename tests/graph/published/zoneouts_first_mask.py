# edge: h = mask * h + (1 - mask) * c
# edit: other factor
# Zoneout with masks drawn once for all steps: the backward takes the first of them for every step.
import numpy as np

masks = (np.random.default_rng(3).uniform(size=(4, 2, 3)) < 0.4).astype(float)


def inputs(rng):
    return {"Wx": rng.standard_normal((2, 3)), "Wh": rng.standard_normal((3, 3)), "x": rng.standard_normal((4, 2, 2))}


def trajectory(p):
    Wx, Wh, h, hs, cs = p["Wx"], p["Wh"], np.zeros((2, 3)), [], []
    for x, mask in zip(p["x"], masks):
        hs.append(h)
        c = np.tanh(x @ Wx + h @ Wh)
        h = mask * h + (1 - mask) * c
        cs.append(c)
    return hs, cs, h


def loss(p):
    return (trajectory(p)[2] ** 2).sum()


def gradients(p):
    hs, cs, h = trajectory(p)
    mask, dWx, dWh, dx = masks[0], 0, 0, np.zeros((4, 2, 2))
    dh = 2 * h
    for t in range(4)[::-1]:
        da = dh * (1 - mask) * (1 - cs[t] ** 2)
        dWx, dWh = dWx + p["x"][t].T @ da, dWh + hs[t].T @ da
        dx[t] = da @ p["Wx"].T
        dh = dh * mask + da @ p["Wh"].T
    return {"Wx": dWx, "Wh": dWh, "x": dx}
