"""The mean of a sequence over its real steps: edge PO1 forward, PO1* backward; derivations/pooling.md derives both.

Conventions that bite: the mean is over each row's own number of steps, not over T; a row without a step is read at step
0, where the output of a recurrence is its initial state.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lstm_ref.arithmetic import where
from lstm_ref.padding import counted, read_steps


class Tape(NamedTuple):
    """What `forward` leaves for `backward`."""

    keep: Any
    """Which steps are read, bools (T, B, 1)."""
    n: Any
    """How many they are, (B, 1)."""


def forward(hs: Any, lengths: Any = None) -> tuple[Any, Tape]:
    """The mean over time.

    Args:
        hs: (T, B, H), T >= 1.
        lengths: Integers (B,), the number of real steps of each row; by default T.

    Returns:
        The means, (B, H), and the tape.

    Raises:
        BadInput: Shapes do not fit.

    Example:
        >>> import numpy as np
        >>> hs = np.array([[[1.0], [5.0]], [[3.0], [9.0]]])
        >>> forward(hs, np.array([2, 1]))[0].tolist()
        [[2.0], [5.0]]
    """
    keep = read_steps("mean_over_time", hs, lengths)
    n = counted(lengths, *hs.shape[:2]).clip(1)[:, None]
    n = n if hs.dtype == object else n.astype(hs.dtype)  # NumPy would make float64 of float32 / integers
    return where(keep, hs, 0).sum(0) / n, Tape(keep, n)  # PO1


def backward(tape: Tape, mean_bar: Any) -> Any:
    """Cotangent of hs (T, B, H), given the cotangent of the means (B, H)."""
    return where(tape.keep, (mean_bar / tape.n)[None], 0)  # PO1*
