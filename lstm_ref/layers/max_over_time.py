"""The maximum of a sequence over its real steps, unit by unit: edge PO2 forward, PO2* backward.

derivations/pooling.md derives both. Conventions that bite: every unit has a step of its own at which it is largest, and
all of its gradient goes there; of equal steps it is the first, while JAX's `max` divides it among them; a row without a
step is read at step 0, where the output of a recurrence is its initial state.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import where
from lstm_ref.padding import read_steps


class Tape(NamedTuple):
    """What `forward` leaves for `backward`."""

    largest: Any
    """At which step each unit is largest, integers (B, H)."""
    steps: Any
    """The numbers of all steps, (T, 1, 1)."""


def forward(hs: Any, lengths: Any = None) -> tuple[Any, Tape]:
    """The maximum over time.

    Args:
        hs: (T, B, H), T >= 1.
        lengths: Integers (B,), the number of real steps of each row; by default T.

    Returns:
        The maxima, (B, H), and the tape.

    Raises:
        BadInput: Shapes do not fit.

    Example:
        >>> hs = np.array([[[1.0, 5.0]], [[3.0, 2.0]], [[9.0, 9.0]]])
        >>> forward(hs, np.array([2]))[0].tolist()
        [[3.0, 5.0]]
    """
    keep = read_steps("max_over_time", hs, lengths)
    T, B, H = hs.shape
    largest = where(keep, hs, hs[:1]).argmax(axis=0)  # a copy of step 0 never is larger
    rows, units = np.arange(B, dtype=np.int32)[:, None], np.arange(H, dtype=np.int32)
    return hs[largest, rows, units], Tape(largest, np.arange(T)[:, None, None])  # PO2


def backward(tape: Tape, max_bar: Any) -> Any:
    """Cotangent of hs (T, B, H), given the cotangent of the maxima (B, H)."""
    return where(tape.steps == tape.largest, max_bar[None], 0)  # PO2*
