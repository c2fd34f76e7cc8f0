"""Squared error, averaged or summed: edge F5 forward, F5* backward; derivations/final_gate.md derives it."""

from __future__ import annotations

from typing import Any, NamedTuple

from lstm_ref.layers.reduction import Reduction, require_same_shape, weight


class Tape(NamedTuple):
    """What `forward` leaves for `backward`."""

    error: Any
    scale: Any


def forward(prediction: Any, target: Any, reduction: Reduction = "mean") -> tuple[Any, Tape]:
    """The loss Σ (prediction − target)², without a factor ½.

    Args:
        prediction: An array of any shape.
        target: An array of the same shape.
        reduction: "mean" over the elements, or "sum".

    Returns:
        The loss, a scalar, and the tape.

    Raises:
        BadInput: Shapes differ, or there is no such reduction.
    """
    require_same_shape("mean_squared_error", prediction, target)
    error, scale = prediction - target, weight(reduction, prediction.size)
    return (error * error).sum() * scale, Tape(error, scale)  # F5


def backward(tape: Tape, loss_bar: Any = 1.0) -> Any:
    """Cotangent of the prediction, given the cotangent of the loss."""
    return tape.error * (2 * tape.scale * loss_bar)  # F5*
