"""How much memory does one gradient take, against the number of steps? `python -m benchmarks.memory`

Forward and backward of one LSTM layer, B = 8, D = H = 128, float32: gradients of parameters, initial state and inputs,
of a random cotangent of every output. By autodiff of the plain scan; `sequence.bptt`; `checkpointed.bptt` with pieces,
and with pieces of pieces; and as a peer `jax.checkpoint` around every piece of a nested scan. Two figures of each: what
XLA says that the compiled program needs beside its inputs and outputs, and by how much the process grew at its highest
point, outputs taken off; each in a process of its own. Every gradient is compared with float64's before anything is
reported. Then a whole text of 100,000 characters as one sequence, trained on by plain gradient descent.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
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

from benchmarks.gradient_speed import DIGITS
from lstm_ref import sequence
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import lstm
from lstm_ref.cells.cell import arrays
from lstm_ref.checking.check import environment
from lstm_ref.layers import dense, softmax_cross_entropy
from lstm_ref.through_time import checkpointed

B, D, H = 8, 128, 128
STEPS = (1000, 2000, 5000, 10_000, 20_000)
LONG = 100_000
PAGES = Path(__file__).parents[1] / "derivations"


def least(levels: int, p: Any, initial: Any, xs: Any) -> int:
    """The least budget with which so many levels of pieces do."""
    return checkpointed.in_levels(levels, len(xs), *checkpointed.bytes_of(lstm, p, initial, xs)).held


def in_pieces(levels: int, p: Any, initial: Any, xs: Any) -> sequence.Outputs:
    """Ours, by that many levels."""
    return checkpointed.bptt(lstm, p, initial, xs, budget=least(levels, p, initial, xs))


def remat(p: Any, initial: Any, xs: Any) -> sequence.Outputs:
    """JAX's own: a scan over pieces of about √T steps, each a `jax.checkpoint` around a scan."""
    T = len(xs)
    k = max(k for k in range(1, int(T**0.5) + 1) if T % k == 0)

    def step(state: Any, x: Any) -> tuple[Any, Any]:
        state, _ = lstm.forward(p, state, x)
        return state, state.h

    piece = jax.checkpoint(lambda state, xs: jax.lax.scan(step, state, xs))
    final, hs = jax.lax.scan(piece, initial, xs.reshape(T // k, k, *xs.shape[1:]))
    return sequence.Outputs(hs.reshape(T, *hs.shape[2:]), final)


WAYS: dict[str, Callable[..., Any]] = {
    "autodiff of the scan": partial(sequence.scan, lstm),
    "sequence.bptt": partial(sequence.bptt, lstm),
    "checkpointed": partial(in_pieces, 1),
    "checkpointed, two levels": partial(in_pieces, 2),
    "jax.checkpoint": remat,
}


# ------------------------------------------------------------------------------------------ in a process of its own


def problem(T: int) -> tuple[Any, ...]:
    """Parameters, initial state, inputs and cotangents, kernels of the size that they are initialised with."""
    rng = np.random.default_rng(0)
    drawn = lambda shape: jnp.asarray(rng.standard_normal(shape, np.float32))  # noqa: E731
    params = jax.tree.map(lambda v: jnp.asarray(v, jnp.float32), lstm.initial_parameters(rng, D, H))
    state = lambda: arrays(lstm.state_shapes(B, H), drawn)  # noqa: E731
    return params, state(), drawn((T, B, D)), sequence.Outputs(drawn((T, B, H)), state())


def gradient(forward: Callable[..., Any]) -> Any:
    """(parameters, initial state, inputs, cotangents) -> gradients, jitted."""
    return jax.jit(lambda p, initial, xs, bar: jax.vjp(forward, p, initial, xs)[1](bar))


def alone(way: str, T: int, file: str) -> dict[str, Any]:
    """One gradient: its memory and seconds; parameters' and initial state's are written to the file."""
    read = jax.block_until_ready(problem(T))
    compiled = gradient(WAYS[way]).lower(*read).compile()
    sizes = compiled.memory_analysis()
    before = highest(anew=True)
    started = time.perf_counter()
    found = jax.block_until_ready(compiled(*read))
    seconds = [time.perf_counter() - started]
    grown = highest() - before
    while sum(seconds) < 6 and len(seconds) < 7:
        started = time.perf_counter()
        jax.block_until_ready(compiled(*read))
        seconds.append(time.perf_counter() - started)
    np.savez(file, *jax.tree.leaves(found[:2]))
    return {
        "way": way,
        "T": T,
        "temporary": sizes.temp_size_in_bytes,
        "resident": grown - sizes.output_size_in_bytes,
        "seconds": statistics.median(seconds),
    }


def highest(anew: bool = False) -> int:
    """Bytes of the process at its highest point; anew: from now on, where the system can forget the past (Linux)."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def float64s(T: int, file: str) -> None:
    """The gradient in float64 is written to the file: autodiff's, but where that needs many gigabytes."""
    with x64():
        read = jax.tree.map(lambda v: jnp.asarray(v, jnp.float64), problem(T))
        way = WAYS["autodiff of the scan" if T < LONG else "checkpointed"]
        np.savez(file, *jax.tree.leaves(gradient(way)(*read)[:2]))


def train(steps: int, rate: float) -> dict[str, Any]:
    """Loss in nats a character, and seconds, of every step down the gradient of one text, through all of it."""
    text = "".join(f.read_text() for f in sorted(PAGES.glob("*.md"))).encode("ascii", "ignore")[: LONG + 1]
    characters, ids = np.unique(np.frombuffer(text, np.uint8), return_inverse=True)
    V, rng = len(characters), np.random.default_rng(0)
    params = lstm.initial_parameters(rng, V, H), dense.initial_parameters(rng, H, V)
    params = jax.tree.map(lambda v: jnp.asarray(v, jnp.float32), params)
    state = arrays(lstm.state_shapes(1, H), partial(jnp.zeros, dtype=jnp.float32))
    xs, targets = jax.nn.one_hot(ids[:-1, None], V), ids[1:, None]

    def loss(params: Any) -> Any:
        outputs = checkpointed.bptt(lstm, params[0], state, xs, budget=least(1, params[0], state, xs))
        logits, _ = dense.forward(params[1], outputs.hs)
        return softmax_cross_entropy.forward(logits, targets)[0]

    @jax.jit
    def step(params: Any) -> tuple[Any, Any]:
        value, slope = jax.value_and_grad(loss)(params)
        return jax.tree.map(lambda v, v_bar: v - rate * v_bar, params, slope), value

    losses, seconds = [], []
    for _ in range(steps):
        started = time.perf_counter()
        params, value = step(params)
        losses.append(float(value))
        seconds.append(time.perf_counter() - started)
    return {"T": len(xs), "losses": losses, "seconds": statistics.median(seconds)}


def apart(call: str) -> dict[str, Any]:
    """What a function of this file gives, called in a new process."""
    code = f"import json; from benchmarks import memory; print(json.dumps(memory.{call}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{call}: {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(done.stdout)


# ----------------------------------------------------------------------------------------------- the measurement


def measure(steps: tuple[int, ...] = STEPS, long: tuple[int, ...] = (LONG,)) -> list[dict[str, Any]]:
    """A row a way and number of steps, in bytes and seconds, with the digits that float64's gradient shares;
    of `long` sequences, ours alone."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        mine, truth = (str(Path(folder, f"{name}.npz")) for name in ("float32", "float64"))
        for T in (*steps, *long):
            apart(f"float64s({T}, {truth!r})")
            for way in WAYS if T in steps else ("checkpointed", "checkpointed, two levels"):
                row = apart(f"alone({way!r}, {T}, {mine!r})")
                rows.append(row | {"digits": agreement(row, mine, truth)})
    return rows


def agreement(row: dict[str, Any], mine: str, truth: str) -> float:
    """Digits; an error where they are few."""
    found, expected = (list(np.load(file).values()) for file in (mine, truth))
    errors = [np.max(np.abs(a - b)) / np.max(np.abs(b)) for a, b in zip(found, expected, strict=True)]
    digits = float(-np.log10(max(errors)))
    if not digits >= DIGITS:
        raise SystemExit(f"{row['way']}, T = {row['T']}: its gradient has {digits:.1f} digits: it is not reported")
    return digits


def exponents(rows: list[dict[str, Any]]) -> dict[str, float]:
    """By way, the power of T that its temporary memory grows with: least squares of the logarithms."""
    found = {}
    for way in WAYS:
        mine = [(row["T"], row["temporary"]) for row in rows if row["way"] == way]
        found[way] = float(np.polyfit(*np.log(np.array(mine, float).T), 1)[0])
    return found


@click.command()
@click.option("--steps", type=int, default=len(STEPS), show_default=True, help="So many of the numbers of steps.")
@click.option("--long/--no-long", default=True, show_default=True, help=f"Also {LONG:,} steps, and training on them.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures to a new file.")
def main(steps: int, long: bool, file: Path | None) -> None:
    """Measure one gradient's memory, for ever longer sequences."""
    if file is not None and file.exists():
        raise click.UsageError(f"{file} exists already: give another name")
    rows = measure(STEPS[:steps], (LONG,) if long else ())
    powers = exponents(rows)
    table = Table(title=f"one gradient, B = {B}, D = {D}, H = {H}, float32: megabytes beside inputs and outputs")
    for head in ("T", "", "XLA's figure", "process", "seconds", "digits", "memory grows as"):
        table.add_column(head, justify="right")
    for row in rows:
        memory = (f"{row[k] / 1e6:.1f}" for k in ("temporary", "resident"))
        rest = f"{row['seconds']:.2f}", f"{row['digits']:.1f}", f"T^{powers[row['way']]:.2f}"
        table.add_row(f"{row['T']:,}", row["way"], *memory, *rest)
    Console(width=140).print(table)
    trained = apart("train(8, 1.0)") if long else None
    if trained:
        losses = ", ".join(f"{v:.3f}" for v in trained["losses"])
        print(f"one text of {trained['T']:,} characters, loss a step: {losses} ({trained['seconds']:.1f} s a step)")
    if file is not None:
        facts = environment() | {"cores": str(os.cpu_count())}
        figures = {"environment": facts, "results": rows, "exponents": powers, "training": trained}
        file.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
