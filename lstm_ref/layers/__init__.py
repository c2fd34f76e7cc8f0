"""The layers around a cell: each file has a forward that returns a tape, and a hand-written backward that reads it."""

from lstm_ref.layers import (
    attention,
    attention_over_time,
    binary_cross_entropy,
    crf,
    dense,
    embedding,
    max_over_time,
    mean_over_time,
    mean_squared_error,
    softmax_cross_entropy,
)

__all__ = [
    "attention",
    "attention_over_time",
    "binary_cross_entropy",
    "crf",
    "dense",
    "embedding",
    "max_over_time",
    "mean_over_time",
    "mean_squared_error",
    "softmax_cross_entropy",
]
