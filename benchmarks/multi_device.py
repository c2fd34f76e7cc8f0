"""What does a batch gain that is split over devices? `python -m benchmarks.multi_device`

The gradient of an LSTM, float32, by `data_parallel.bptt` over 1, 2, 4 and 8 devices that are threads of the CPU.
Strong scaling: one batch, split ever finer. Weak scaling: as many rows for every device. Each number of devices has a
process of its own; beside it, in turns, `sequence.bptt` of the same batch on one device, and the gain is over that.
Gradients are compared with float64's before anything is timed; arrays are in place before that. No more can be
gained than there are cores, less those that one device's matrix products keep busy already.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import jax
import numpy as np
from jax.sharding import Mesh
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.gradient_speed import DIGITS, problem
from lstm_ref import sequence
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import lstm
from lstm_ref.checking.check import environment
from lstm_ref.sequence import Outputs
from lstm_ref.through_time import data_parallel

ROOT = Path(__file__).parents[1]
DEVICES = (1, 2, 4, 8)
SIZE = (100, 64, 64, 128)
"""T, B, D, H: the batch of strong scaling."""
ROWS = 16
"""Of every device, in weak scaling."""


def measure(
    devices: tuple[int, ...] = DEVICES,
    size: tuple[int, int, int, int] = SIZE,
    rows: int = ROWS,
    seconds: float = 4.0,
    progress: Callable[[Any], Any] = iter,
) -> list[dict[str, Any]]:
    """A row of plain numbers for each kind of scaling and number of devices: median `seconds` of a gradient, and those
    of one device with the same batch, `seconds_of_one`."""
    T, B, D, H = size
    asked = [(kind, n, B if kind == "strong" else rows * n) for kind in ("strong", "weak") for n in devices]
    return [{"scaling": kind, **_of_a_process(n, (T, B_all, D, H), seconds)} for kind, n, B_all in progress(asked)]


def _of_a_process(devices: int, size: tuple[int, int, int, int], seconds: float) -> dict[str, Any]:
    """A row, by a process that has so many devices."""
    program = f"from benchmarks.multi_device import timed; timed({devices}, {size}, {seconds})"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def timed(devices: int, size: tuple[int, int, int, int], seconds: float) -> None:
    """Print a row, as JSON, from a process that has done nothing yet."""
    jax.config.update("jax_num_cpu_devices", devices)
    mesh = Mesh(np.array(jax.devices()), ("rows",))
    given = problem(*size)
    p, initial, xs, (hs, (final,)) = given.params[0], given.initial[0], given.xs, given.bar
    read = p, initial, xs, Outputs(hs, final)
    split = (
        data_parallel.copied(mesh, p),
        data_parallel.split(mesh, initial, axis=0),
        data_parallel.split(mesh, xs, axis=1),
        Outputs(data_parallel.split(mesh, hs, axis=1), data_parallel.split(mesh, final, axis=0)),
    )
    ways = {
        "seconds": _gradient(data_parallel.bptt(mesh), split),
        "seconds_of_one": _gradient(sequence.bptt, jax.tree.map(jax.numpy.asarray, read)),
    }
    with x64():
        truth = _gradient(sequence.bptt, jax.tree.map(np.float64, read))()
    digits = {name: _digits(way(), truth) for name, way in ways.items()}
    if not min(digits.values()) >= DIGITS:
        raise SystemExit(f"digits of the gradients: {digits}: they are not timed")
    times: dict[str, list[float]] = {name: [] for name in ways}
    started = time.perf_counter()
    while len(times["seconds"]) < 7 or time.perf_counter() - started < seconds:
        for name, way in ways.items():
            before = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - before)
    medians = {name: statistics.median(v) for name, v in times.items()}
    print(
        json.dumps({"devices": devices, **dict(zip("TBDH", size, strict=True)), **medians, "digits": digits["seconds"]})
    )


def _gradient(recurrence: Any, read: Any) -> Callable[[], Any]:
    """Gradients of parameters, initial state and inputs, compiled."""

    @jax.jit
    def gradients(p: Any, initial: Any, xs: Any, bar: Any) -> Any:
        return jax.vjp(lambda *read: recurrence(lstm, *read), p, initial, xs)[1](bar)

    return lambda: jax.block_until_ready(gradients(*read))


def _digits(found: Any, truth: Any) -> float:
    """Fewest of all arrays, each of its largest element."""
    pairs = zip(*map(jax.tree.leaves, jax.tree.map(np.asarray, (found, truth))), strict=True)
    return float(min(-np.log10(np.max(np.abs(mine - right)) / np.max(np.abs(right))) for mine, right in pairs))


def table(results: list[dict[str, Any]]) -> Table:
    """The rows as one table."""
    shown = Table(title="one gradient of an LSTM, the batch split; medians")
    for head in ("scaling", "devices", "T, B, D, H", "split", "one device", "gain"):
        shown.add_column(head, justify="right")
    for row in results:
        shown.add_row(
            *(row["scaling"], str(row["devices"]), ", ".join(str(row[k]) for k in "TBDH")),
            *(f"{row[k] * 1e3:.1f} ms" for k in ("seconds", "seconds_of_one")),
            f"{row['seconds_of_one'] / row['seconds']:.2f}",
        )
    return shown


@click.command()
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures to a new file.")
def main(file: Path | None) -> None:
    """Time one gradient, over ever more devices."""
    if file is not None and file.exists():
        raise click.UsageError(f"{file} exists already: give another name")
    results = measure(progress=lambda v: track(v, "timing", console=Console(stderr=True), transient=True))
    Console(width=100).print(table(results))
    if file is not None:
        facts = environment() | {"cores": str(os.cpu_count())}
        file.write_text(json.dumps({"environment": facts, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
