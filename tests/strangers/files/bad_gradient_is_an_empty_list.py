# expect: 2
# says: the gradient of w is an empty list or tuple
# Gradients that are collected in a list, to which nothing is appended: it is no claim that is left out.
import numpy as np


def inputs(rng):
    return {"w": rng.standard_normal(3), "x": rng.standard_normal(3)}


def forward(i):
    return i["w"] * i["x"]


def backward(i, dy):
    gradients = []
    return {"w": gradients, "x": dy * i["w"]}
