"""How fast is one gradient of an LSTM on a GPU, by one kernel each way? `python -m benchmarks.gpu_kernels`

Forward and backward of one layer: the gradients of parameters, initial state and inputs, of a random cotangent of every
output. Side by side: the plain scan under JAX's autodiff, `sequence.bptt`, the persistent kernels, and NVIDIA's own by
way of jax.experimental.rnn (float32 alone) and of torch's nn.LSTM, where they are installed for a GPU. In float32, with
products of 24 bits ("highest") and of TF32's 11, and in bfloat16. Each gradient is compared with float64's first, and
is timed where it is right; who fails says how. Timed in turns; medians. Needs a GPU; with --interpret the smallest size
runs without one, to show that all of it works: its times mean nothing.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.gradient_speed import DIGITS, by_scan, jitted, problem
from lstm_ref import sequence
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.checking.check import environment
from lstm_ref.interop import cudnn
from lstm_ref.interop.conform.features import Problem
from lstm_ref.interop.layout import theirs
from lstm_ref.interop.layouts import LAYOUTS
from lstm_ref.sequence import Outputs
from lstm_ref.through_time import persistent

SIZES = (
    (8, 16, 16, 16),
    (128, 16, 64, 64),
    (128, 64, 128, 128),
    (512, 64, 128, 128),
    (1024, 16, 128, 128),
    (256, 64, 256, 256),
    (256, 256, 512, 512),
)
"""T, B, D, H; the first is for --interpret alone."""
ARITHMETICS = {
    "float32, highest": (jnp.float32, "highest"),
    "float32, TF32": (jnp.float32, "tensorfloat32"),
    "bfloat16": (jnp.bfloat16, "tensorfloat32"),
}
"""By name: the arrays' dtype, and the precision of JAX's products."""
SCAN = "autodiff of the scan"
SECONDS = 3.0
"""Of rounds, at each size and arithmetic; seven rounds at least."""

Gradient = Callable[[], Any]
"""Runs to the end, and gives the gradient of the inputs, (T, B, D)."""


def measure(sizes: Any = SIZES[1:], seconds: float = SECONDS) -> list[dict[str, Any]]:
    """One row for each size, arithmetic and way: the digits of its gradient beside float64's, and its median seconds;
    None and the reason where it does not run or is wrong."""
    rows = []
    for size in sizes:
        given = problem(*size)
        for arithmetic, (dtype, products) in ARITHMETICS.items():
            here = cast(given, dtype)
            ways = contenders(here, products)
            found = right(ways, truth(here), float(jnp.finfo(dtype).eps) / 2)
            times = rounds({name: ways[name] for name, one in found.items() if not one["failed"]}, seconds)
            facts = dict(zip("TBDH", size, strict=True)) | {"arithmetic": arithmetic}
            rows += [facts | {"way": name, **one, "seconds": times.get(name)} for name, one in found.items()]
    return rows


def cast(given: Problem, dtype: Any) -> Problem:
    """The same numbers, rounded."""
    fields = ("params", "initial", "xs", "bar")
    values = jax.tree.map(lambda v: np.asarray(v).astype(dtype), [getattr(given, name) for name in fields])
    return given._replace(**dict(zip(fields, values, strict=True)))


def truth(given: Problem) -> Any:
    """The gradient of the inputs in float64, of the numbers as they were rounded."""
    exact = cast(given, np.float64)
    with x64():
        return np.asarray(jitted(partial(by_scan, sequence.scan), exact, exact.params)()[2])


def contenders(given: Problem, products: str) -> dict[str, Gradient]:
    """By name; what is not installed, or not for a GPU, is left out."""
    found = {
        SCAN: ours(given, sequence.scan, products),
        "sequence.bptt": ours(given, sequence.bptt, products),
        "persistent": ours(given, persistent.bptt, products),
    }
    if jax.default_backend() == "gpu" and given.xs.dtype == np.float32:
        found["cuDNN, by jax.experimental.rnn"] = cudnns(given, products)
    try:
        import torch
    except ImportError:
        return found
    if torch.cuda.is_available():
        found["cuDNN, by torch"] = torchs(given, products)
    return found


def ours(given: Problem, recurrence: Any, products: str) -> Gradient:
    """A recurrence of this package under `jax.vjp`, compiled."""
    gradients = jitted(partial(by_scan, recurrence), given, given.params)

    def of_xs() -> Any:
        with jax.default_matmul_precision(products):
            return gradients()[2]

    return of_xs


def cudnns(given: Problem, products: str) -> Gradient:
    """JAX's own call of cuDNN; batch first, and one flat buffer of weights."""
    (T, B, D), H = given.xs.shape, given.initial[0].h.shape[-1]

    def forward(given: Problem, buffer: Any, initial: Any, xs: Any) -> Outputs:
        from jax.experimental import rnn

        steps = jnp.full(B, T, jnp.int32)
        hs, h, c = rnn.lstm(xs.swapaxes(0, 1), *(v[None] for v in initial[0]), buffer, steps, D, H, 1, 0.0, False)
        return Outputs(hs.swapaxes(0, 1), [type(initial[0])(h[0], c[0])])

    gradients = jitted(forward, given, cudnn.flat(given.params))

    def of_xs() -> Any:
        with jax.default_matmul_precision(products):
            return gradients()[2]

    return of_xs


def torchs(given: Problem, products: str) -> Gradient:
    """torch's layer on the GPU, which is cuDNN's."""
    import torch

    dtype = torch.float32 if given.xs.dtype == np.float32 else torch.bfloat16
    moved = lambda v: torch.tensor(np.asarray(v, np.float32)).to("cuda", dtype)  # noqa: E731
    module = torch.nn.LSTM(given.xs.shape[-1], given.initial[0].h.shape[-1]).to("cuda", dtype)
    module.load_state_dict({k: moved(v) for k, v in theirs(LAYOUTS["torch.nn.LSTM"], given.params[0]).items()})
    module.flatten_parameters()
    xs, h, c = (moved(v).requires_grad_() for v in (given.xs, *(s[None] for s in given.initial[0])))
    bars = [moved(v) for v in (given.bar.hs, *(s[None] for s in given.bar.final[0]))]

    def of_xs() -> Any:
        torch.backends.cudnn.allow_tf32 = products != "highest"
        hs, last = module(xs, (h, c))
        gradients = torch.autograd.grad([hs, *last], [xs, h, c, *module.parameters()], bars)
        torch.cuda.synchronize()
        return gradients[0]

    return of_xs


def right(ways: dict[str, Gradient], exact: Any, rounding: float) -> dict[str, dict[str, Any]]:
    """By name: digits of the gradient of the inputs, which has come all the way back, and why it is not to be timed.

    It is right with `DIGITS` digits, or, where the arithmetic has fewer, with at most twice the error of the scan,
    which rounds wherever it can, and the `rounding` of what comes out.
    """
    found: dict[str, dict[str, Any]] = {}
    allowed = 10**-DIGITS
    for name, gradient in ways.items():
        try:
            value = gradient()
            value = np.asarray(value.float().cpu() if hasattr(value, "cpu") else value, np.float64)
        except Exception as problem:  # whatever a compiler of somebody else's says: the others are still timed
            found[name] = {"digits": None, "failed": f"{type(problem).__name__}: {str(problem).splitlines()[0][:200]}"}
            continue
        error = float(np.max(np.abs(value - exact)) / np.max(np.abs(exact)))
        if name == SCAN:
            allowed = max(allowed, 2 * error + rounding)
        wrong = "" if error <= allowed else f"its error is {error:.1e}, allowed {allowed:.1e}"
        found[name] = {"digits": float(-np.log10(error)), "failed": wrong}
    return found


def rounds(ways: dict[str, Gradient], seconds: float) -> dict[str, float]:
    """Median seconds of each, timed in turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    started, n = time.perf_counter(), 0
    while n < 7 or time.perf_counter() - started < seconds:
        for name, gradient in ways.items():
            before = time.perf_counter()
            gradient()
            times[name].append(time.perf_counter() - before)
        n += 1
    return {name: statistics.median(v) for name, v in times.items()}


@click.command()
@click.option("--interpret", is_flag=True, help="The smallest size alone, without a GPU: that it works, not how fast.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures to a new file.")
def main(interpret: bool, file: Path | None) -> None:
    """Time one gradient on a GPU, at each size."""
    if file is not None and file.exists():
        raise click.UsageError(f"{file} exists already: give another name")
    if jax.default_backend() != "gpu" and not interpret:
        raise click.UsageError("this needs a GPU, and JAX sees none; --interpret shows that it works without one")
    rows = measure(SIZES[:1], 0.0) if interpret else measure()
    table = Table("T, B, D, H", "arithmetic", "way", "ms", "digits", title="one gradient")
    for row in rows:
        taken = row["failed"] if row["seconds"] is None else f"{1e3 * row['seconds']:.2f}"
        digits = "" if row["digits"] is None else f"{row['digits']:.1f}"
        table.add_row(", ".join(str(row[k]) for k in "TBDH"), row["arithmetic"], row["way"], taken, digits)
    Console(width=140).print(table)
    if file is not None:
        device = jax.devices()[0].device_kind
        file.write_text(json.dumps({"environment": environment() | {"device": device}, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
