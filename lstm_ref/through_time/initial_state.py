"""A learned initial state: one row with which every sequence of a batch begins: edge LI1 forward, LI1* backward."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from lstm_ref.errors import BadInput


def forward(row: Any, B: int) -> Any:
    """The initial state of B sequences, arrays (B, ...), from one row, arrays (1, ...). Raises BadInput for other
    shapes."""
    for v in jax.tree.leaves(row):
        if len(v.shape) < 2 or v.shape[0] != 1:
            raise BadInput(f"a learned initial state is one row, arrays (1, ...), got shape {tuple(v.shape)}")
    return jax.tree.map(lambda v: v[np.zeros(B, dtype=int)], row)  # LI1


def backward(initial_bar: Any) -> Any:
    """Cotangent of the row, (1, ...), given the cotangent of the initial state, (B, ...)."""
    return jax.tree.map(lambda v_bar: v_bar.sum(0)[None], initial_bar)  # LI1*  every sequence reads the same row
