"""One gradient of an LSTM on a GPU: by one kernel each way, by our other ways, and by NVIDIA's cuDNN.

The contenders are those of `gradient` except other frameworks' cells (torch's layer is cuDNN on a GPU), the persistent
kernels, and cuDNN by jax.experimental.rnn, in float32 only. Arithmetics: float32 with products of 24 bits ("highest")
and of TF32's 11 bits, and bfloat16. Needs a GPU: on the CPU, --quick interprets the kernels to show that everything
works.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.gradient_speed import GRADIENT, OURS, PEERS, by_scan, contenders, jitted, problem, truth
from benchmarks.harness import Contender, Elsewhere, Row, Setting, beside, measured, near
from lstm_ref.interop import cudnn
from lstm_ref.interop.conform.features import FeatureCase
from lstm_ref.sequence import Outputs
from lstm_ref.through_time import persistent

SIZES = (
    (128, 16, 64, 64),
    (128, 64, 128, 128),
    (512, 64, 128, 128),
    (1024, 16, 128, 128),
    (256, 64, 256, 256),
    (256, 256, 512, 512),
)
"""T, B, D, H."""
QUICK = (8, 16, 16, 16)
ARITHMETICS = (("float32", "highest"), ("float32", "tensorfloat32"), ("bfloat16", "tensorfloat32"))
"""The dtype of the arrays, and the precision of float32's products."""
KERNELS = f"{OURS}, persistent kernels"
SECONDS = 3.0


def measure(setting: Setting) -> list[Row]:
    """Rows of all sizes in all arithmetics."""
    if setting.device != "gpu" and not setting.quick:
        raise Elsewhere("kernels are timed on a GPU: ask with --device gpu; with --quick, the CPU interprets them")
    sizes = (QUICK,) if setting.quick else SIZES
    rows = []
    for size, (dtype, products) in setting.each([(s, a) for s in sizes for a in ARITHMETICS], "gpu"):
        given = problem(*size, dtype=jnp.dtype(dtype))
        about = dict(zip("TBDH", size, strict=True)) | {"dtype": dtype, "what": f"{GRADIENT}, {products} products"}
        right = truth(given)[1][2]
        with multiplied(products):
            rows += measured(contenders_on_gpu(given), near(right, given.dtype), setting, SECONDS, **about)
    return rows


@contextmanager
def multiplied(products: str) -> Iterator[None]:
    """Inside, JAX and torch compute float32 products in this precision."""
    try:
        from torch.backends import cudnn as by_torch
    except ImportError:
        with jax.default_matmul_precision(products):
            yield
        return
    with jax.default_matmul_precision(products), by_torch.flags(allow_tf32=products != "highest"):
        yield


def contenders_on_gpu(given: FeatureCase) -> dict[str, Contender]:
    """By name, the function to time, and how to get the gradient of the inputs from its result."""
    found = {name: one for name, one in contenders(given).items() if name not in PEERS}
    more = {KERNELS: jitted(partial(by_scan, persistent.bptt), given, given.params)}
    if jax.default_backend() == "gpu" and given.dtype == np.float32:
        more["cuDNN, by jax.experimental.rnn"] = jitted(by_cudnn, given, cudnn.flat(given.params))
    return found | {name: (run, lambda found: found[2]) for name, run in more.items()}


def by_cudnn(given: FeatureCase, buffer: Any, initial: Any, xs: Any) -> Outputs:
    """JAX's own call of cuDNN, which puts the batch first and all weights in one flat buffer."""
    from jax.experimental import rnn

    (T, B, D), H = xs.shape, initial[0].h.shape[-1]
    steps = jnp.full(B, T, jnp.int32)
    hs, h, c = rnn.lstm(xs.swapaxes(0, 1), *(v[None] for v in initial[0]), buffer, steps, D, H, 1, 0.0, False)
    return Outputs(hs.swapaxes(0, 1), [type(initial[0])(h[0], c[0])])


def table(rows: list[Row]) -> list[Any]:
    """Tables of all times as multiples of the kernels' time."""
    return list(beside(rows, KERNELS))
