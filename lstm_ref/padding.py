"""Sequences of different lengths in one batch: which steps are real, and the values at the last real step.

With lengths (B,), step t of row n is padding where t >= lengths[n].
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from lstm_ref.arithmetic import where
from lstm_ref.errors import BadInput


def _hidden(v: Any) -> bool:
    """Whether the values cannot be read: they are traced, or partly on the devices of other processes."""
    return isinstance(v, jax.core.Tracer) or (isinstance(v, jax.Array) and not v.is_fully_addressable)


def integers(lengths: Any) -> Any:
    """The lengths as one array of signed integers, in NumPy unless they cannot be read; None for None."""
    if lengths is None:
        return None
    return (lengths if _hidden(lengths) else np.asarray(lengths)).astype(np.int32)


def counted(lengths: Any, T: int, B: int) -> Any:
    """As `integers`, but T for every row where lengths are None."""
    return np.full(B, T) if lengths is None else integers(lengths)


def check_lengths(owner: str, lengths: Any, T: int, B: int) -> None:
    """Raises BadInput unless lengths are None, or B integers in 0..T. Of hidden lengths, only the shape is checked."""
    if lengths is None:
        return
    try:
        values = lengths if _hidden(lengths) else np.asarray(lengths)
    except (TypeError, ValueError) as error:  # rows of different lengths, or a list with an element that JAX traces
        raise BadInput(f"{owner}: lengths must be one array of {B} integers, got {lengths!r}") from error
    if tuple(values.shape) != (B,):
        raise BadInput(f"{owner}: lengths must have shape ({B},), one a row of the batch, got {tuple(values.shape)}")
    if B and not np.issubdtype(values.dtype, np.integer):
        raise BadInput(f"{owner}: lengths must be integers, got {values.dtype}")
    if B and not _hidden(lengths) and not (values.min() >= 0 and values.max() <= T):
        raise BadInput(f"{owner}: lengths must lie in 0..{T}, got {values.min()}..{values.max()}")


def real_steps(owner: str, lengths: Any, T: int, B: int) -> Any:
    """As `keep_of`, for all T steps where lengths are None. Raises BadInput unless every sequence has a step."""
    check_lengths(owner, lengths, T, B)
    if not isinstance(lengths, (jax.core.Tracer, type(None))) and np.any(np.asarray(lengths) < 1):
        raise BadInput(f"{owner}: every sequence must have at least one step, got a length of 0")
    return keep_of(T, counted(lengths, T, B))


def read_steps(owner: str, hs: Any, lengths: Any) -> Any:
    """The steps that a mean or maximum over time reads, bools (T, B, 1): the real ones, or step 0 where there is none.

    Raises BadInput unless hs are (T, B, H), T >= 1, and lengths fit.
    """
    if hs.ndim != 3 or hs.shape[0] == 0:
        raise BadInput(f"{owner}: hs must be (T, B, H), T >= 1, got {tuple(hs.shape)}")
    T, B = hs.shape[:2]
    check_lengths(owner, lengths, T, B)
    return keep_of(T, counted(lengths, T, B).clip(1))


def check_numbers(what: str, numbers: Any, keep: Any, size: int) -> None:
    """Raises BadInput unless numbers are integers (T, B), in 0..size-1 at real steps. Traced ones show only dtype and
    shape."""
    if tuple(numbers.shape) != tuple(keep.shape[:2]) or not np.issubdtype(numbers.dtype, np.integer):
        T, B = keep.shape[:2]
        raise BadInput(f"{what} must be integers ({T}, {B}), got {numbers.dtype} {tuple(numbers.shape)}")
    if not isinstance(numbers, jax.core.Tracer) and not isinstance(keep, jax.core.Tracer):
        real = np.asarray(numbers)[np.asarray(keep)[..., 0]]
        if real.size and not (real.min() >= 0 and real.max() < size):
            raise BadInput(f"{what} must lie in 0..{size - 1}, got {real.min()}..{real.max()}")


def keep_of(T: int, lengths: Any) -> Any:
    """Which steps are real, bools (T, B, 1); None where lengths are None."""
    if lengths is None:
        return None
    return (np.arange(T)[:, None] < counted(lengths, T, 0))[:, :, None]


def choose(keep: Any, real: Any, padding: Any) -> Any:
    """`real` where `keep` (B, 1) or (T, B, 1) is True, else `padding`. Both are arrays (B, ...) or (T, B, ...),
    structures of such arrays, or 0."""

    def pick(a: Any, b: Any) -> Any:
        inner = max(np.ndim(a), np.ndim(b)) - keep.ndim + 1
        return where(keep.reshape(*keep.shape[:-1], *(1,) * inner), a, b)

    if np.isscalar(padding):
        return jax.tree.map(lambda a: pick(a, padding), real)
    if np.isscalar(real):
        return jax.tree.map(lambda b: pick(real, b), padding)
    return jax.tree.map(pick, real, padding)


def flipped(v: Any, lengths: Any) -> Any:
    """(T, B, ...) with every row's real steps in reverse order; padding stays in place. The function is its own
    inverse."""
    T, B = v.shape[:2]
    t, lengths = np.arange(T)[:, None], integers(lengths).clip(0, T)  # as all others do with traced lengths
    # 32 bits: NumPy's default 64 raise an error in JAX 0.10 once a process has computed both with and without float64.
    return v[where(t < lengths, lengths - 1 - t, t).astype(np.int32), np.arange(B, dtype=np.int32)]


def at_the_end(values: Any, initial: Any, lengths: Any) -> Any:
    """The values (T, B, ...) at each row's last real step. A row without real steps gets its initial value (B, ...)."""
    return choose(is_last(len(values), lengths), values, 0).sum(0) + choose((lengths == 0)[:, None], initial, 0)


def is_last(T: int, lengths: Any) -> Any:
    """Whether a step is the last real one of its row, bools (T, B, 1)."""
    return (np.arange(1, T + 1)[:, None] == lengths)[:, :, None]
