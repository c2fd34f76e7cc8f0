"""Is JAX tracing at the moment?"""

from __future__ import annotations

from typing import Any

import jax


def is_tracing() -> bool:
    """Whether what JAX computes here becomes a part of a larger program. An array made to ask would cost 30 µs, as much
    as five steps of 32 units; this takes 5."""
    return isinstance(_nothing(), jax.core.Tracer)


@jax.jit
def _nothing() -> Any:
    return 0
