"""How precise a dtype is."""

from __future__ import annotations

from typing import Any

import jax


def bits(dtype: Any) -> int:
    """Bits of a float's significand: 53 for float64, 24 for float32, 11 for float16, 8 for bfloat16."""
    return int(jax.numpy.finfo(dtype).nmant) + 1
