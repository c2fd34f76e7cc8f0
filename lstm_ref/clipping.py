"""Gradient clipping: a separate step after the whole gradient is accumulated, never inside the recursion.

The result is no longer a gradient. Elementwise clipping changes its direction; clipping by norm keeps the direction.
Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML 2013, algorithm 1.
"""

from __future__ import annotations

from typing import Any

import jax

from lstm_ref.arithmetic import where
from lstm_ref.errors import BadInput


def clip_elementwise(gradients: Any, c: float) -> Any:
    """Limits every element to [−c, c].

    Args:
        gradients: Arrays in any nested structure.
        c: The bound.

    Returns:
        The clipped arrays, in the same structure.

    Raises:
        BadInput: c is not positive.

    Example:
        >>> import numpy as np
        >>> clip_elementwise(np.array([-3.0, 0.5]), 1.0).tolist()
        [-1.0, 0.5]
    """
    _require_positive(c)
    return jax.tree.map(lambda g: g.clip(-c, c), gradients)


def global_norm(gradients: Any) -> Any:
    """Euclidean norm over all elements of all arrays."""
    return sum((g * g).sum() for g in jax.tree.leaves(gradients)) ** 0.5


def clip_global_norm(gradients: Any, c: float) -> Any:
    """Scales all arrays by one factor, so that their common norm is at most c.

    Args:
        gradients: Arrays in any nested structure.
        c: The largest norm that is left unchanged.

    Returns:
        The scaled arrays, in the same structure.

    Raises:
        BadInput: c is not positive.

    Example:
        >>> import numpy as np
        >>> clip_global_norm({"b": np.array([8.0]), "w": np.array([6.0])}, 5.0)
        {'b': array([4.]), 'w': array([3.])}
    """
    _require_positive(c)
    norm = global_norm(gradients)
    factor = c / where(norm > c, norm, c)
    return jax.tree.map(lambda g: g * factor, gradients)


def _require_positive(c: float) -> None:
    if not c > 0:
        raise BadInput(f"a clipping bound must be positive, got {c}")
