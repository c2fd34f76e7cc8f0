# edge: yhat = nodes @ w_out
# edit: activation's derivative of another activation
# Pybrain-like layers in a list of tuples: the linear readout's error is multiplied by the hidden's sigmoid' as well.
import numpy as np


def inputs(rng):
    return {"w_in": rng.standard_normal((3, 4)), "w_out": rng.standard_normal((4, 4)), "X": rng.standard_normal((2, 3)), "Y": rng.standard_normal((2, 4))}


def network(p):
    w_out = p["w_out"]
    nodes = 1 / (1 + np.exp(-p["X"] @ p["w_in"]))
    yhat = nodes @ w_out
    return nodes, yhat


def loss(p):
    return 0.5 * ((network(p)[1] - p["Y"]) ** 2).sum()


def gradients(p):
    nodes, yhat = network(p)
    error = yhat - p["Y"]
    delta_out = error * nodes * (1 - nodes)
    delta_in = delta_out @ p["w_out"].T * nodes * (1 - nodes)
    return {"w_out": nodes.T @ delta_out, "w_in": p["X"].T @ delta_in, "X": delta_in @ p["w_in"].T, "Y": -error}
