"""Gradient clipping: explicit steps taken after the whole gradient is accumulated, never inside the recursion.

What comes out is no gradient any more. Elementwise clipping turns the direction; clipping by norm keeps it.
Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML 2013, algorithm 1.
"""

from __future__ import annotations

from typing import Any

import jax

from lstm_ref.arithmetic import where
from lstm_ref.errors import BadInput


def clip_elementwise(gradients: Any, c: float) -> Any:
    """Every element moved into [−c, c]. Raises BadInput unless c > 0."""
    _require_positive(c)
    return jax.tree.map(lambda g: g.clip(-c, c), gradients)


def global_norm(gradients: Any) -> Any:
    """Euclidean norm over all elements of all arrays."""
    return sum((g * g).sum() for g in jax.tree.leaves(gradients)) ** 0.5


def clip_global_norm(gradients: Any, c: float) -> Any:
    """All arrays scaled by one factor, so that their common norm is at most c. Raises BadInput unless c > 0."""
    _require_positive(c)
    norm = global_norm(gradients)
    factor = c / where(norm > c, norm, c)
    return jax.tree.map(lambda g: g * factor, gradients)


def _require_positive(c: float) -> None:
    if not c > 0:
        raise BadInput(f"a clipping bound must be positive, got {c}")
