"""Lower limits of an LSTM's time: its products at full speed, and its bytes at the speed of a copy.

Products: x w_x and h w_h of all steps, 2·T·B·(D + H)·4H operations; for each, the backward pass computes two more, one
for the weights and one for the other factor. Bytes: h w_h reads w_h in every step; the tape holds i f g o c of every
step and is written once and read once; inputs and outputs, or their cotangents, pass once each way. A matrix that stays
in a cache is read faster than a copy passes through memory: in that case the second limit is too high.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import numpy as np

from benchmarks.harness import Row, Setting, in_turns, summary

PRODUCTS, MEMORY = "limit: products", "limit: memory"


def operations(T: int, B: int, D: int, H: int, backward: bool) -> int:
    """Number of operations of the matrix products."""
    return (3 if backward else 1) * 2 * T * B * (D + H) * 4 * H


def bytes_moved(T: int, B: int, D: int, H: int, backward: bool, item: int) -> int:
    """Least number of bytes that pass between memory and cores."""
    one_way = T * H * 4 * H + D * 4 * H + T * B * (D + H)
    tape = 5 * T * B * H
    return item * (2 * one_way + 2 * tape if backward else one_way)


@cache
def product(dtype: Any, setting: Setting) -> Row:
    """Seconds per operation of a large matrix product."""
    n = 128 if setting.quick else 2048
    a = jax.numpy.ones((n, n), dtype)
    run = jax.jit(lambda a: a @ a)
    jax.block_until_ready(run(a))
    return summary(in_turns({"": lambda: jax.block_until_ready(run(a))}, setting)[""], 2 * n**3)


@cache
def copy(setting: Setting) -> Row:
    """Seconds per byte read or written, copied in place, so that no memory is allocated."""
    a = jax.numpy.zeros(2**16 if setting.quick else 2**26, np.float32)
    run = jax.jit(lambda a: a + 1, donate_argnums=0)

    def once() -> None:
        nonlocal a
        a = jax.block_until_ready(run(a))

    once()
    return summary(in_turns({"": once}, setting)[""], 2 * a.nbytes)


def rows(size: tuple[int, ...], dtype: Any, backward: bool, setting: Setting, /, **about: Any) -> list[Row]:
    """Both limits, as rows of contenders."""
    item = np.dtype(dtype).itemsize
    work = {
        PRODUCTS: (operations(*size, backward), product(np.dtype(dtype), setting)),
        MEMORY: (bytes_moved(*size, backward, item), copy(setting)),
    }
    return [
        about | {"name": name, "seconds": amount * one["seconds"], "spread": amount * one["spread"]}
        for name, (amount, one) in work.items()
    ]
