"""What the tasks on sentences share: the held-out share, the length of a batch, a digest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import numpy as np

HELD_OUT = 0.1
"""The share of the examples that is kept for validation."""

ROWS = 256
"""Examples that validation reads at once, which bounds its memory."""

STEPS = 16
"""Batch lengths are multiples of this number, because each length is compiled once."""


def steps_of(lengths: Sequence[int] | np.ndarray) -> int:
    """Number of steps of a batch with such lengths, at least one."""
    return max(1, -(-int(np.max(lengths, initial=1)) // STEPS)) * STEPS


def by_length(lengths: np.ndarray) -> Iterator[np.ndarray]:
    """All examples, `ROWS` at a time, with similar lengths together."""
    order = np.argsort(lengths, kind="stable")
    return (order[k : k + ROWS] for k in range(0, len(order), ROWS))


def weighted(values: list[tuple[float, int]]) -> float:
    """Mean of pairs (value, weight)."""
    return sum(v * n for v, n in values) / sum(n for _, n in values)


def digest(read: Any) -> str:
    """SHA-256 of the printed form of the data that was read."""
    return sha256(repr(read).encode("utf-8", "surrogatepass")).hexdigest()
