"""Forward, forward and backward, and compilation, from tiny to large, in float32, float64 and bfloat16.

The contenders are ours, autodiff of the scan, and torch's layer. For forward and backward in float32, all layers of
Flax, Haiku, Equinox and Keras are measured too; for the rest, only the fastest of them that supports the dtype. The two
limits of limits.py are listed beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any

import jax

from benchmarks import limits
from benchmarks.gradient_speed import (
    GRADIENT,
    OURS,
    PEERS,
    TORCH,
    contenders,
    fast,
    gradients,
    of_torch,
    peers,
    problem,
    torchs,
    truth,
)
from benchmarks.harness import Contender, Row, Setting, beside, measured, near
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.interop.conform.features import FeatureCase

SIZES = (
    (5, 1, 4, 4),
    (20, 4, 16, 16),
    (50, 16, 32, 64),
    (100, 32, 64, 128),
    (1000, 8, 64, 64),
    (100, 64, 256, 256),
    (20, 16, 512, 1024),
)
"""T, B, D, H."""
DTYPES = ("float32", "float64", "bfloat16")
CANNOT = {"keras": ("float64", "bfloat16"), "haiku": ("bfloat16",)}
"""Contenders that cannot run in other dtypes: Keras answers in float32, and Haiku's carry becomes float32."""
FORWARD = "forward"
SECONDS = 1.0


def forwards(given: FeatureCase) -> dict[str, Contender]:
    """By name, only the outputs."""

    def jitted(forward: Callable[..., Any], weights: Any) -> Contender:
        run = jax.jit(partial(forward, given))
        read = jax.tree.map(jax.numpy.asarray, (weights, given.initial, given.xs))
        return (lambda: jax.block_until_ready(run(*read))), (lambda outputs: outputs.hs)

    found = {OURS: (fast(given, backward=False), lambda outputs: outputs.hs)}
    found |= {name: jitted(forward, weights) for name, (forward, weights) in peers(given).items()}
    with suppress(ImportError):
        found[TORCH] = torchs(given, backward=False), of_torch(given)
    return found


def measure(setting: Setting) -> list[Row]:
    """Rows of all sizes and dtypes, of the forward alone and with its backward pass."""
    rows = []
    for size in setting.each(SIZES[:1] if setting.quick else SIZES, "sizes"):
        everyone = gradients(size, setting, SECONDS, what=GRADIENT)
        timed = [row for row in everyone if "first_call_seconds" in row and "wrong" not in row]
        others = sorted((row["seconds"], row["name"]) for row in timed if row["name"] in PEERS)
        rows += everyone
        for dtype in DTYPES:
            able = [name for _, name in others if dtype not in CANNOT.get(name, ())]
            rows += _rows_in(dtype, size, able[:1], setting)
    return rows


def _rows_in(dtype: str, size: tuple[int, ...], fastest: list[str], setting: Setting) -> list[Row]:
    """The rows of one size and dtype, except the gradient in float32."""
    rows: list[Row] = []
    with x64() if dtype == "float64" else nullcontext():
        given = problem(*size, dtype=jax.numpy.dtype(dtype))
        hs, (_, _, xs_bar) = truth(given)
        for what, right, make in ((FORWARD, hs, forwards), (GRADIENT, xs_bar, contenders)):
            if (dtype, what) == ("float32", GRADIENT):
                continue
            about = dict(zip("TBDH", size, strict=True)) | {"dtype": dtype, "what": what}
            chosen = {k: v for k, v in make(given).items() if k in fastest or k not in PEERS}
            rows += limits.rows(size, given.dtype, what == GRADIENT, setting, **about)
            rows += measured(chosen, near(right, given.dtype), setting, SECONDS, **about)
    return rows


def table(rows: list[Row]) -> list[Any]:
    """Tables of all times as multiples of ours, then of compilation times."""
    return [*beside(rows, OURS), *beside([r for r in rows if "compile_seconds" in r], OURS, "compile_seconds")]
