"""Softmax and cross-entropy on logits: edges F2-F3 forward, F2*-F3* backward; derived in derivations/final_gate.md."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.arithmetic import logsumexp, softmax
from lstm_ref.errors import BadInput
from lstm_ref.layers.reduction import Reduction, weight


class Tape(NamedTuple):
    """What `forward` leaves for `backward`."""

    logits: Any
    y: Any
    """Target probabilities, (..., K); an ignored row is zero."""
    scale: Any
    """1, or 1 / (number of rows that count)."""


def forward(
    logits: Any, targets: Any, reduction: Reduction = "mean", ignore_index: int | None = None
) -> tuple[Any, Tape]:
    """The loss −Σ y ln softmax(z).

    Args:
        logits: z, (..., K).
        targets: Class numbers (...) of an integer dtype, or probabilities y (..., K) of a floating dtype, such as
            one-hot rows.
        reduction: "mean" over the rows that count, or "sum".
        ignore_index: Class number of rows that do not count.

    Returns:
        The loss, a scalar, and the tape.

    Raises:
        BadInput: Shapes, dtype or class numbers do not fit.
    """
    y = _probabilities(logits, targets, ignore_index)
    scale = weight(reduction, (y.sum(-1) > 0).astype(y.dtype).sum())
    log_p = logits - logsumexp(logits)[..., None]  # F2
    return -(y * log_p).sum() * scale, Tape(logits, y, scale)  # F3


def backward(tape: Tape, loss_bar: Any = 1.0) -> Any:
    """Cotangent of the logits, given the cotangent of the loss. Targets are constants. A row of y need not sum to
    one."""
    z, y, scale = tape
    log_p_bar = -y * (scale * loss_bar)  # F3*
    return log_p_bar - softmax(z) * log_p_bar.sum(-1)[..., None]  # F2*


def _probabilities(logits: Any, targets: Any, ignore_index: int | None) -> Any:
    K = logits.shape[-1]
    if not (np.issubdtype(targets.dtype, np.integer) if isinstance(targets, np.ndarray) else _is_integer(targets)):
        if tuple(targets.shape) != tuple(logits.shape):
            raise BadInput(
                f"softmax_cross_entropy: target probabilities must have the logits' shape {tuple(logits.shape)}, "
                f"got {tuple(targets.shape)} of {targets.dtype} (class numbers must be integers)"
            )
        return targets
    if tuple(targets.shape) != tuple(logits.shape[:-1]):
        raise BadInput(
            f"softmax_cross_entropy: class numbers must have shape {tuple(logits.shape[:-1])}, "
            f"got {tuple(targets.shape)}"
        )
    if not isinstance(targets, jax.core.Tracer):
        wrong = (targets < 0) | (targets >= K)
        if ignore_index is not None:
            wrong = wrong & (targets != ignore_index)
        if bool(wrong.any()):
            raise BadInput(f"softmax_cross_entropy: class numbers must lie in 0..{K - 1}, got {targets[wrong][0]}")
    dtype = logits.dtype if isinstance(logits, jax.Array) else np.float64
    if isinstance(logits, np.ndarray) and logits.dtype.kind == "f":
        dtype = logits.dtype
    y = targets[..., None] == np.arange(K)
    if ignore_index is not None:
        y = y & (targets != ignore_index)[..., None]
    return y.astype(dtype)


def _is_integer(x: Any) -> bool:
    return isinstance(x, jax.Array) and bool(jnp.issubdtype(x.dtype, jnp.integer))
