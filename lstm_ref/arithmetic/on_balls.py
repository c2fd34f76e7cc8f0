"""Elementary functions on ball arrays. A ball's exponent is unbounded, so the textbook formulas are already stable."""

from __future__ import annotations

import numpy as np

from lstm_ref.arithmetic.balls import as_balls

concatenate, stack, where = np.concatenate, np.stack, np.where


def exp(x):
    return np.exp(as_balls(x))


def log(x):
    return np.log(as_balls(x))


def tanh(x):
    return np.tanh(as_balls(x))


def sigmoid(x):
    return 1 / (1 + np.exp(-as_balls(x)))


def relu(x):
    return np.maximum(as_balls(x), 0)


def step(x):
    return np.heaviside(as_balls(x), 0)


def softplus(x):
    return np.log1p(np.exp(as_balls(x)))


def log_sigmoid(x):
    return -softplus(-as_balls(x))


def logsumexp(x, axis=-1):
    return np.log(np.exp(as_balls(x)).sum(axis=axis))


def softmax(x, axis=-1):
    weights = np.exp(as_balls(x))
    return weights / weights.sum(axis=axis, keepdims=True)
