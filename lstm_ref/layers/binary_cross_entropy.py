"""Binary cross-entropy on logits: edge F4 forward, F4* backward; derivations/final_gate.md derives it."""

from __future__ import annotations

from typing import Any, NamedTuple

from lstm_ref.arithmetic import log_sigmoid, sigmoid
from lstm_ref.layers.reduction import Reduction, require_same_shape, weight


class Tape(NamedTuple):
    """What `forward` leaves for `backward`."""

    logits: Any
    y: Any
    scale: Any


def forward(logits: Any, y: Any, reduction: Reduction = "mean") -> tuple[Any, Tape]:
    """The loss −Σ y ln σ(z) + (1 − y) ln σ(−z).

    Args:
        logits: z, of any shape.
        y: Targets in [0, 1], in the shape of the logits.
        reduction: "mean" over the elements, or "sum".

    Returns:
        The loss, a scalar, and the tape.

    Raises:
        BadInput: Shapes differ, or there is no such reduction.
    """
    require_same_shape("binary_cross_entropy", logits, y)
    scale = weight(reduction, logits.size)
    return -(y * log_sigmoid(logits) + (1 - y) * log_sigmoid(-logits)).sum() * scale, Tape(logits, y, scale)  # F4


def backward(tape: Tape, loss_bar: Any = 1.0) -> Any:
    """Cotangent of the logits, given the cotangent of the loss."""
    z, y, scale = tape
    return (sigmoid(z) - y) * (scale * loss_bar)  # F4*
