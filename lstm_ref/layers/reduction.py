"""Reduces the losses of single elements to one number: their sum, or their mean over the elements that count."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from lstm_ref.errors import BadInput

Reduction = Literal["sum", "mean"]


def weight(reduction: str, count: Any) -> Any:
    """The factor on the sum: 1, or 1 / count. The mean of no elements is defined as 0, not 0/0."""
    if reduction == "sum":
        return 1
    if reduction == "mean":
        # A Python number, which leaves float32 as it is; or, if JAX counts, a number of the dtype of the count.
        return 1 / max(int(count), 1) if isinstance(count, (int, np.generic, np.ndarray)) else 1 / count.clip(1)
    raise BadInput(f"reduction must be 'sum' or 'mean', got {reduction!r}")


def require_same_shape(loss: str, prediction: Any, target: Any) -> None:
    """Raise BadInput unless prediction and target have the same shape: broadcasting in a loss is a classic silent
    mistake."""
    if tuple(prediction.shape) != tuple(target.shape):
        raise BadInput(
            f"{loss}: target must have the prediction's shape {tuple(prediction.shape)}, got {tuple(target.shape)}"
        )
