"""Elementary functions on NumPy floats, stable to ±1e4 and analytic, so that a complex step (x + 1e-200j) works.

Branches look only at the real part. On complex input each function is therefore the analytic continuation of its real
version.
"""

from __future__ import annotations

import numpy as np

exp, log, sqrt, tanh, where = np.exp, np.log, np.sqrt, np.tanh, np.where
concatenate, stack = np.concatenate, np.stack


def sigmoid(x):
    decay = np.exp(np.where(x.real >= 0, -x, x))  # e^-|x| never overflows
    return np.where(x.real >= 0, 1, decay) / (1 + decay)


def relu(x):
    return np.where(x.real > 0, x, 0 * x)


def step(x):
    return np.where(x.real > 0, np.ones_like(x), 0)


def maximum(x, y):
    return np.where(x.real > y.real, x, y)


def clip(x, bound):
    return np.where(x.real > bound, bound, np.where(x.real < -bound, -bound, x)).astype(x.dtype)


def scatter_add(zeros, rows, values):
    out = np.array(zeros)
    np.add.at(out, rows, values)
    return out


def softplus(x):
    return relu(x) + np.log1p(np.exp(np.where(x.real > 0, -x, x)))  # > as in relu: at 0, both take the left side


def log_sigmoid(x):
    return -softplus(-x)


def logsumexp(x, axis=-1):
    shift = x.real.max(axis=axis, keepdims=True)
    return np.log(np.exp(x - shift).sum(axis=axis)) + np.squeeze(shift, axis)


def softmax(x, axis=-1):
    weights = np.exp(x - x.real.max(axis=axis, keepdims=True))
    return weights / weights.sum(axis=axis, keepdims=True)
