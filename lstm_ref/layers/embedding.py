"""Embedding: looks up rows of a table by number: edge EM1 forward, EM1* backward; derivations/embedding.md derives
both.

Conventions that bite: a number that occurs n times gives its row n cotangents, which are summed; a row that does not
occur gets zero. Padding needs no row of its own if the reader masks it (`sequence`, with lengths).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic import scatter_add
from lstm_ref.errors import BadInput


class Tape(NamedTuple):
    """What `forward` leaves for `backward`."""

    ids: Any


def initial_parameters(rng: np.random.Generator, V: int, D: int) -> np.ndarray:
    """A table (V, D), uniform in ±0.05, as in Keras. Float64."""
    return rng.uniform(-0.05, 0.05, (V, D))


def forward(table: Any, ids: Any) -> tuple[Any, Tape]:
    """The rows of a table.

    Args:
        table: (V, D).
        ids: Integers (...), each in 0..V-1.

    Returns:
        The rows, (..., D), and the tape.

    Raises:
        BadInput: ids are not integers, or one is outside of 0..V-1.
    """
    V = table.shape[0]
    if not np.issubdtype(ids.dtype, np.integer):
        raise BadInput(f"embedding: ids must be integers, got {ids.dtype}")
    if not isinstance(ids, jax.core.Tracer) and ids.size and not (ids.min() >= 0 and ids.max() < V):
        raise BadInput(f"embedding: ids must lie in 0..{V - 1}, got {ids.min()}..{ids.max()}")
    return table[ids], Tape(ids)  # EM1


def backward(table: Any, tape: Tape, x_bar: Any) -> Any:
    """Cotangent of the table (V, D), given the cotangent of the rows that were read (..., D)."""
    D, zeros = table.shape[1], 0 * table
    return scatter_add(zeros, tape.ids.reshape(-1), x_bar.reshape(-1, D))  # EM1*
