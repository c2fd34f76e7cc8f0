# IndRNN by elements, as a first exercise: a list of floats is the state, a number each for the weights.
# slip: dv[j] += da * hs[t][j] => dv[j] += da * hs[t][j - 1] ¦ neighbour's ¦ v[j] * h[j]
# slip: carry[j] = da * v[j] => carry[j] = da * v[j - 1] ¦ neighbour's ¦ v[j] * h[j]
# slip: da = (carry[j] + dy * o[j]) * z[j] * (1 - z[j]) => da = (carry[j] + dy * o[j]) * z[j] * (1 - z[j - 1]) ¦ neighbour's ¦ sigmoid(
# slip: do[j] += dy * z[j] => do[j] += dy * z[(j + 1) % 3] ¦ shifted in time ¦ y += o[j] * h[j]
import numpy as np


def inputs(rng):
    return {"w": rng.standard_normal(3), "v": rng.standard_normal(3), "o": rng.standard_normal(3), "x": rng.standard_normal(5)}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def run(w, v, o, x):
    h = [0.1, 0.2, 0.3]
    hs, ys = [h], []
    for t in range(5):
        h = list(h)
        y = 0.0
        for j in range(3):
            h[j] = sigmoid(w[j] * x[t] + v[j] * h[j])
            y += o[j] * h[j]
        hs.append(h)
        ys.append(y)
    return hs, ys


def forward(p):
    return np.array(run(p["w"], p["v"], p["o"], p["x"])[1])


def backward(p, bar):
    w, v, o, x = p["w"], p["v"], p["o"], p["x"]
    hs, _ = run(w, v, o, x)
    dw, dv, do, dx, carry = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(5), np.zeros(3)
    for t in (4, 3, 2, 1, 0):
        z, dy = hs[t + 1], bar[t]
        for j in (2, 1, 0):
            da = (carry[j] + dy * o[j]) * z[j] * (1 - z[j])
            do[j] += dy * z[j]
            dw[j] += da * x[t]
            dv[j] += da * hs[t][j]
            dx[t] += da * w[j]
            carry[j] = da * v[j]
    return {"w": dw, "v": dv, "o": do, "x": dx}
