"""Elementary functions on torch tensors: torch's own, so that torch's autograd can serve as another oracle."""

from __future__ import annotations

import torch

exp, log, sqrt, tanh, sigmoid, relu = torch.exp, torch.log, torch.sqrt, torch.tanh, torch.sigmoid, torch.relu
log_sigmoid = torch.nn.functional.logsigmoid


def step(x):
    return (x > 0).to(x.dtype)


def maximum(x, y):
    return torch.maximum(x, y)


def clip(x, bound):
    return x.clamp(-bound, bound)


def softplus(x):
    return -log_sigmoid(-x)  # torch.nn.functional.softplus becomes linear, by default, beyond 20


def logsumexp(x, axis=-1):
    return torch.logsumexp(x, dim=axis)


def softmax(x, axis=-1):
    return torch.softmax(x, dim=axis)


def scatter_add(zeros, rows, values):
    return zeros.index_add(0, torch.as_tensor(rows), values)


def where(condition, x, y):
    return torch.where(torch.as_tensor(condition), x, y)


def concatenate(arrays, axis=0):
    return torch.cat(tuple(arrays), dim=axis)


def stack(arrays, axis=0):
    return torch.stack(tuple(arrays), dim=axis)
