"""Where in an array the wrong elements lie."""

from __future__ import annotations

import numpy as np


def pattern_of(wrong: np.ndarray) -> str | None:
    """Where in an array the wrong elements lie, if that is a block along one axis."""
    if not wrong.any():
        return None
    if wrong.all():
        return "every element"
    for axis in range(wrong.ndim):
        lines = np.asarray(wrong.any(axis=tuple(k for k in range(wrong.ndim) if k != axis)))
        (at,) = np.nonzero(lines)
        low, high, size = int(at[0]), int(at[-1]), lines.size
        if lines.all() or not lines[low : high + 1].all():
            continue
        if low == 0:
            return f"axis {axis}: right from index {high + 1} on, wrong at {_span(0, high)}"
        if high == size - 1:
            return f"axis {axis}: right up to index {low - 1}, wrong at {_span(low, high)}"
        return f"axis {axis}: wrong at {_span(low, high)} alone"
    return f"{int(wrong.sum())} of {wrong.size} elements, scattered"


def _span(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low}..{high}"
