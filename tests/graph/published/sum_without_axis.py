# edge: Z = X @ W + b
# edit: summed over all axes
# A softmax classifier on top of nothing: np.sum(dZ) without axis, so every bias has the same gradient.
import numpy as np

onehot = np.eye(4)[[0, 3, 1, 1, 2]]


def inputs(rng):
    return {"X": rng.standard_normal((5, 3)), "W": rng.standard_normal((3, 4)), "b": rng.standard_normal(4)}


def probabilities(X, W, b):
    Z = X @ W + b
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def loss(p):
    return -(onehot * np.log(probabilities(**p))).sum() / 5 + 0.5 * (p["b"] ** 2).sum()


def gradients(p):
    dZ = (probabilities(**p) - onehot) / 5
    db = np.ones(4) * np.sum(dZ) + p["b"]
    return {"X": dZ @ p["W"].T, "W": p["X"].T @ dZ, "b": db}
