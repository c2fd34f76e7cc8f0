# edge: penalty = 0.5 * LAMBDA * np.sum(p["W"] ** 2)
# edit: dropped
# Logistic regression of a course, labels 0 and 1, with an L2 term in the cost that the gradient lacks.
import numpy as np

LAMBDA = 0.1
y = np.array([[1.0], [0.0], [1.0]])


def inputs(rng):
    return {"W": rng.standard_normal((2, 1)), "b": rng.standard_normal((1, 1)), "X": rng.standard_normal((3, 2))}


def hypothesis(p):
    return 1 / (1 + np.exp(-(p["X"] @ p["W"] + p["b"])))


def loss(p):
    a = hypothesis(p)
    penalty = 0.5 * LAMBDA * np.sum(p["W"] ** 2)
    return -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a)) + penalty


def gradients(p):
    dz = (hypothesis(p) - y) / len(y)
    return {"W": p["X"].T @ dz, "b": dz.sum(keepdims=True), "X": dz @ p["W"].T}
