"""What numbers the equations run on: floats in NumPy and JAX, and balls with rigorous error bounds."""

from lstm_ref.arithmetic.functions import (
    clip,
    concatenate,
    exp,
    log,
    log_sigmoid,
    logsumexp,
    maximum,
    relu,
    sigmoid,
    softmax,
    softplus,
    sqrt,
    stack,
    step,
    tanh,
    where,
)

__all__ = [
    "clip",
    "concatenate",
    "exp",
    "log",
    "log_sigmoid",
    "logsumexp",
    "maximum",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "sqrt",
    "stack",
    "step",
    "tanh",
    "where",
]
