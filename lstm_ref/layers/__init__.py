"""The layers around a cell: each file has a forward that returns a tape, and a hand-written backward that reads it."""

from lstm_ref.layers import (
    attention,
    binary_cross_entropy,
    crf,
    dense,
    embedding,
    mean_squared_error,
    softmax_cross_entropy,
)

__all__ = [
    "attention",
    "binary_cross_entropy",
    "crf",
    "dense",
    "embedding",
    "mean_squared_error",
    "softmax_cross_entropy",
]
