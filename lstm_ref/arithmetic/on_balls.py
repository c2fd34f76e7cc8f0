"""Elementary functions on ball arrays. A ball's exponent is unbounded, so the textbook formulas are already stable."""

from __future__ import annotations

import numpy as np

from lstm_ref.arithmetic.balls import as_balls, objects, unwrapped

concatenate, stack = np.concatenate, np.stack


def where(condition, x, y):
    return objects(np.where(np.asarray(condition), unwrapped(x), unwrapped(y)))


def exp(x):
    return np.exp(as_balls(x))


def log(x):
    return np.log(as_balls(x))


def sqrt(x):
    return np.sqrt(as_balls(x))


def tanh(x):
    return np.tanh(as_balls(x))


def sigmoid(x):
    return 1 / (1 + np.exp(-as_balls(x)))


def relu(x):
    return np.maximum(as_balls(x), 0)


def step(x):
    return np.heaviside(as_balls(x), 0)


def maximum(x, y):
    return np.maximum(as_balls(x), as_balls(y))


def clip(x, bound):
    return np.minimum(np.maximum(as_balls(x), -bound), bound)


def scatter_add(zeros, rows, values):
    out = as_balls(zeros).copy()
    for row, value in zip(rows, as_balls(values), strict=True):
        out[row] = out[row] + value
    return out


def softplus(x):
    return np.log1p(np.exp(as_balls(x)))


def log_sigmoid(x):
    return -softplus(-as_balls(x))


def logsumexp(x, axis=-1):
    shifted, shift = _shifted(x, axis)
    return np.log(np.exp(shifted).sum(axis=axis)) + np.squeeze(shift, axis)


def softmax(x, axis=-1):
    weights = np.exp(_shifted(x, axis)[0])
    return weights / weights.sum(axis=axis, keepdims=True)


def _shifted(x, axis):
    """(x − max x, max x). Floats need this shift, and a ball at float precision has to bound the rounding it causes."""
    x = as_balls(x)
    shift = x.max(axis=axis, keepdims=True)
    return x - shift, shift
