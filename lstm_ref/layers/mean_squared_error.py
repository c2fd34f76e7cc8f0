"""Squared error, averaged or summed: edge F5 forward, F5* backward; derivations/final_gate.md derives it."""

from __future__ import annotations

from typing import Any, NamedTuple

from lstm_ref.layers.reduction import Reduction, require_same_shape, weight


class Tape(NamedTuple):
    """What `forward` leaves for `backward`."""

    error: Any
    scale: Any


def forward(prediction: Any, target: Any, reduction: Reduction = "mean") -> tuple[Any, Tape]:
    """Σ (prediction − target)², a scalar, for arrays of one shape; no factor ½. Raises BadInput."""
    require_same_shape("mean_squared_error", prediction, target)
    error, scale = prediction - target, weight(reduction, prediction.size)
    return (error * error).sum() * scale, Tape(error, scale)  # F5


def backward(tape: Tape, loss_bar: Any = 1.0) -> Any:
    """Cotangent of the prediction, given that of the loss."""
    return tape.error * (2 * tape.scale * loss_bar)  # F5*
