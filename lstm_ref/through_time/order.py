"""The order of steps in a padded sequence, for ways that take all steps at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_ref.arithmetic import where
from lstm_ref.sequence import choose


def flipped(v: Any, lengths: Any) -> Any:
    """(T, B, ...) with every row's real steps in the opposite order, and its padding where it was: its own inverse."""
    T, B = v.shape[:2]
    t = np.arange(T)[:, None]
    # 32 bits: NumPy's own 64 are an error in JAX 0.10 once a process has computed with and without float64.
    return v[where(t < lengths, lengths - 1 - t, t).astype(np.int32), np.arange(B, dtype=np.int32)]


def at_the_end(values: Any, initial: Any, lengths: Any) -> Any:
    """Of values (T, B, ...), each row's at its last real step; where it has none, the initial one (B, ...)."""
    return choose(is_last(len(values), lengths), values, 0).sum(0) + choose((lengths == 0)[:, None], initial, 0)


def is_last(T: int, lengths: Any) -> Any:
    """(T, B, 1) bools: which step is the last real one of its row."""
    return (np.arange(1, T + 1)[:, None] == lengths)[:, :, None]
