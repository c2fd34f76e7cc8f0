# edge: hist[t + 1] = np.tanh(hist[t] @ A + drive[t])
# edit: rounded
# Right in its equations: the states lie in a float32 array, so that all of it is right to seven digits and no further.
import numpy as np


def inputs(rng):
    return {"A": rng.standard_normal((3, 3)), "drive": rng.standard_normal((4, 3)), "c": rng.standard_normal(3)}


def roll(A, drive, c):
    hist = np.zeros((5, 3), dtype=np.float32)
    for t in range(4):
        hist[t + 1] = np.tanh(hist[t] @ A + drive[t])
    return hist


def loss(p):
    return p["c"] @ roll(**p)[-1]


def gradients(p):
    hist = roll(**p)
    dA, ddrive, dh = np.zeros((3, 3)), np.zeros((4, 3)), p["c"]
    for t in reversed(range(4)):
        ddrive[t] = dh * (1 - hist[t + 1] ** 2)
        dA += np.outer(hist[t], ddrive[t])
        dh = p["A"] @ ddrive[t]
    return {"A": dA, "drive": ddrive, "c": hist[-1]}
