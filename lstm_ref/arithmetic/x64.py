"""float64 in JAX for the length of a `with` block; the caller's own configuration stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import jax

from lstm_ref.arithmetic.draws import as_in_float32, mode


@contextmanager
def x64(enabled: bool = True) -> Iterator[None]:
    """Context in which JAX computes in float64; where not `enabled`, in float32, JAX's default. Whoever computes in
    float32 otherwise draws the same random numbers here."""
    own = bool(jax.config.jax_enable_x64)  # type: ignore[attr-defined]
    with mode(enabled), as_in_float32() if enabled and not own else nullcontext():
        yield
