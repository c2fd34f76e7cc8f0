"""How fast is one gradient of an LSTM, beside everyone's? `python -m benchmarks.gradient_speed`

Forward and backward of one layer, float32: the gradients of parameters, initial state and inputs, of a random
cotangent of every output. Ours is `sequence.bptt`, the hand-written pass; beside it JAX's autodiff of the plain scan,
the layers of Flax, Equinox, Haiku and Keras under JAX's autodiff, each jitted, and torch's nn.LSTM: what is installed.
All have the same numbers, each in its own layout, and the gradients are compared with float64's before anything is
timed. Timed in turns, A B C A B C, so that a drift of the machine is everybody's; medians. Beside them the share of
the machine's speed at matrix products that ours reaches, of 6·T·B·(D + H)·4H operations.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import click
import jax
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from lstm_ref import sequence
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import lstm
from lstm_ref.cells.cell import arrays
from lstm_ref.checking.check import environment
from lstm_ref.interop.conform.features import FEATURES, Problem, arranged
from lstm_ref.interop.conform.table import module_of
from lstm_ref.interop.layout import theirs
from lstm_ref.interop.layouts import LAYOUTS
from lstm_ref.sequence import Outputs

SIZES = ((50, 16, 32, 32), (100, 32, 64, 128), (100, 64, 256, 256), (200, 64, 256, 512), (256, 1, 256, 256))
"""T, B, D, H."""
PEERS = {
    "flax LSTMCell": ("flax", "flax.linen.LSTMCell"),
    "flax OptimizedLSTMCell": ("flax", "flax.linen.OptimizedLSTMCell"),
    "equinox": ("equinox", "equinox.nn.LSTMCell"),
    "haiku": ("haiku", "haiku.LSTM"),
    "keras": ("keras", "keras.layers.LSTM"),
}
OURS, TORCH = "lstm_ref", "torch nn.LSTM"
DIGITS = 3.5
"""Of float32's seven, of a sum over up to 12,800 rows and back through 256 steps: more is rounding, less a mistake."""
SECONDS = 6.0
"""Of rounds, at each size; seven rounds at least."""

Gradient = Callable[[], Any]


def problem(T: int, B: int, D: int, H: int) -> Problem:
    """Kernels of the size that they are initialised with, everything else normal; float32."""
    rng = np.random.default_rng(0)
    drawn = lambda shape, scale=1.0: (scale * rng.standard_normal(shape)).astype(np.float32)  # noqa: E731
    params = jax.tree.map(
        lambda v: drawn(v.shape, 0.1) if v.ndim == 1 else np.float32(v), lstm.initial_parameters(rng, D, H)
    )
    state = lambda: arrays(lstm.state_shapes(B, H), drawn)  # noqa: E731
    bar = Outputs(drawn((T, B, H)), [state()])
    return Problem(FEATURES["lstm"], lstm, [params], [state()], drawn((T, B, D)), bar, None)


def by_scan(recurrence: Any, given: Problem, weights: Any, initial: Any, xs: Any) -> Outputs:
    """Ours, as a framework's forward is called."""
    hs, final = recurrence(lstm, weights[0], initial[0], xs)
    return Outputs(hs, [final])


def jitted(forward: Any, given: Problem, weights: Any) -> Gradient:
    """Gradients of (weights, initial states, inputs) by a JAX function, compiled."""

    @jax.jit
    def gradients(weights: Any, initial: Any, xs: Any, bar: Any) -> Any:
        return jax.vjp(partial(forward, given), weights, initial, xs)[1](bar)

    read = jax.tree.map(jax.numpy.asarray, (weights, given.initial, given.xs, given.bar))
    return lambda: jax.block_until_ready(gradients(*read))


def torchs(given: Problem) -> Gradient:
    """torch's native layer."""
    import torch

    module = torch.nn.LSTM(given.xs.shape[-1], given.initial[0].h.shape[-1])
    weights = theirs(LAYOUTS["torch.nn.LSTM"], given.params[0])
    module.load_state_dict({k: torch.tensor(v) for k, v in weights.items()})
    xs, h, c = (torch.tensor(v, requires_grad=True) for v in (given.xs, *(s[None] for s in given.initial[0])))
    bars = [torch.tensor(v) for v in (given.bar.hs, *(s[None] for s in given.bar.final[0]))]
    read = [*module.parameters(), h, c, xs]

    def gradients() -> Any:
        hs, last = module(xs, (h, c))
        return torch.autograd.grad([hs, *last], read, bars)

    return gradients


def contenders(given: Problem) -> dict[str, tuple[Gradient, Callable[[Any], Any]]]:
    """By name: what is timed, and how the gradient of the inputs is taken out of what it gives."""
    of_xs = lambda found: found[2]  # noqa: E731
    found: dict[str, tuple[Gradient, Callable[[Any], Any]]] = {
        OURS: (jitted(partial(by_scan, sequence.bptt), given, given.params), of_xs),
        "autodiff of the scan": (jitted(partial(by_scan, sequence.scan), given, given.params), of_xs),
    }
    for name, (framework, layout) in PEERS.items():
        try:
            forward = module_of(framework).RUNS["lstm"][layout]
        except ImportError:
            continue
        found[name] = jitted(forward, given, arranged(LAYOUTS[layout], given)), of_xs
    with suppress(ImportError):
        found[TORCH] = torchs(given), lambda gradients: gradients[-1].numpy()
    return found


def check(given: Problem, names: dict[str, tuple[Gradient, Callable[[Any], Any]]]) -> dict[str, float]:
    """Digits of the gradient of the inputs, which has come all the way back, beside float64's; an error where few."""
    fields = ("params", "initial", "xs", "bar")
    doubles = jax.tree.map(lambda v: np.asarray(v, np.float64), [getattr(given, name) for name in fields])
    exact = given._replace(**dict(zip(fields, doubles, strict=True)))
    with x64():
        truth = np.asarray(jitted(partial(by_scan, sequence.scan), exact, exact.params)()[2])
    found = {}
    for name, (gradient, of_xs) in names.items():
        error = np.max(np.abs(np.asarray(of_xs(gradient())) - truth)) / np.max(np.abs(truth))
        found[name] = float(-np.log10(error))
        if not found[name] >= DIGITS:
            raise SystemExit(f"{name}: its gradient has {found[name]:.1f} digits: it is not timed")
    return found


def rounds(gradients: dict[str, Gradient]) -> dict[str, float]:
    """Median seconds of each, timed in turns."""
    times: dict[str, list[float]] = {name: [] for name in gradients}
    started = time.perf_counter()
    while len(times[OURS]) < 7 or time.perf_counter() - started < SECONDS:
        for name, gradient in gradients.items():
            before = time.perf_counter()
            gradient()
            times[name].append(time.perf_counter() - before)
    return {name: statistics.median(v) for name, v in times.items()}


def peak() -> float:
    """Operations a second of a large matrix product."""
    n = 2048
    a = jax.numpy.ones((n, n), np.float32)
    product = jax.jit(lambda a: a @ a)
    jax.block_until_ready(product(a))
    times = []
    for _ in range(7):
        before = time.perf_counter()
        jax.block_until_ready(product(a))
        times.append(time.perf_counter() - before)
    return 2 * n**3 / statistics.median(times)


@click.command()
@click.option("--sizes", type=int, default=len(SIZES), show_default=True, help="So many of the sizes, the first.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures to a new file.")
def main(sizes: int, file: Path | None) -> None:
    """Time one gradient, at each size."""
    if file is not None and file.exists():
        raise click.UsageError(f"{file} exists already: give another name")
    fastest = peak()
    results: list[dict[str, Any]] = []
    for size in track(SIZES[:sizes], "timing", console=Console(stderr=True), transient=True):
        T, B, D, H = size
        given = problem(*size)
        names = contenders(given)
        digits = check(given, names)
        seconds = rounds({name: gradient for name, (gradient, _) in names.items()})
        share = 6 * T * B * (D + H) * 4 * H / seconds[OURS] / fastest
        results.append({"T": T, "B": B, "D": D, "H": H, "seconds": seconds, "digits": digits, "share_of_peak": share})
    table = Table(title=f"one gradient, relative to {OURS}; medians")
    for head in ("T, B, D, H", OURS, "of peak", *list(results[0]["seconds"])[1:]):
        table.add_column(head, justify="right")
    for one in results:
        mine = one["seconds"][OURS]
        others = [f"{v / mine:.2f}" for name, v in one["seconds"].items() if name != OURS]
        table.add_row(
            ", ".join(str(one[k]) for k in "TBDH"), f"{mine * 1e3:.1f} ms", f"{one['share_of_peak']:.0%}", *others
        )
    Console(width=140).print(table)
    if file is not None:
        facts = environment() | {"cores": str(os.cpu_count()), "peak operations a second": f"{fastest:.3g}"}
        file.write_text(json.dumps({"environment": facts, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
