"""What numbers the equations run on: floats in NumPy and JAX, and balls with rigorous error bounds."""

from lstm_ref.arithmetic.functions import (
    concatenate,
    exp,
    log,
    log_sigmoid,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softplus,
    stack,
    step,
    tanh,
    where,
)

__all__ = [
    "concatenate",
    "exp",
    "log",
    "log_sigmoid",
    "logsumexp",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "stack",
    "step",
    "tanh",
    "where",
]
