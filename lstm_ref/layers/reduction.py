"""How the losses of single elements become one number: summed, or averaged over those that count."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from lstm_ref.errors import BadInput

Reduction = Literal["sum", "mean"]


def weight(reduction: str, count: Any) -> Any:
    """The factor before the sum: 1, or 1 / count. Of nothing, the mean is defined as 0, not 0/0."""
    if reduction == "sum":
        return 1
    if reduction == "mean":
        # A Python number, which leaves float32 as it is; or, where JAX counts, one of the dtype that was counted in.
        return 1 / max(int(count), 1) if isinstance(count, (int, np.generic, np.ndarray)) else 1 / count.clip(1)
    raise BadInput(f"reduction must be 'sum' or 'mean', got {reduction!r}")


def require_same_shape(loss: str, prediction: Any, target: Any) -> None:
    """BadInput unless prediction and target have one shape: broadcasting a loss is a classic silent mistake."""
    if tuple(prediction.shape) != tuple(target.shape):
        raise BadInput(
            f"{loss}: target must have the prediction's shape {tuple(prediction.shape)}, got {tuple(target.shape)}"
        )
