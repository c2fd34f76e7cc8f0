"""What stands around a cell: each file a forward that leaves a tape, and the hand-written backward that reads it."""

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
