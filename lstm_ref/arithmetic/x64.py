"""float64 in JAX for the length of a `with` block; the caller's own configuration stays as it is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import jax


def x64(enabled: bool = True) -> AbstractContextManager[Any]:
    """Context in which JAX computes in float64; where not `enabled`, in float32, JAX's default."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(enabled)
    from jax.experimental import enable_x64  # type: ignore[attr-defined]  # jax < 0.8

    return enable_x64(enabled)
