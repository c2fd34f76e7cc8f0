"""How much memory does one gradient of an LSTM take, against the number of steps? Float32, B = 8, D = H = 128.

The ways: autodiff of the plain scan; `sequence.bptt`; `checkpointed.bptt` with pieces, and with pieces of pieces; and,
for comparison, `jax.checkpoint` around every piece of a nested scan. Each runs in its own process and gives two
figures: `peak_bytes`, what the compiled program takes besides inputs and outputs, according to XLA; and, to confirm it,
`resident_bytes`, the growth of the process at its highest point in the first call, minus the outputs. The exponent of T
is fitted to the upper half of the sizes. Finally, a text of 100,000 characters is trained on as one sequence by plain
gradient descent.
"""

from __future__ import annotations

import resource
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.gradient_speed import REFERENCE, by_scan, problem, pullback, truth
from benchmarks.harness import Elsewhere, Row, Setting, apart, beside, measured, near, readable, summary
from benchmarks.scaling import exponents, fitted
from lstm_ref import sequence
from lstm_ref.cells import lstm
from lstm_ref.cells.cell import arrays
from lstm_ref.layers import dense, softmax_cross_entropy
from lstm_ref.through_time import checkpointed

B, D, H = 8, 128, 128
STEPS = (625, 1250, 2500, 5000, 10_000, 20_000)
LONG = 100_000
"""Numbers of steps for which only ours is run."""
QUICK = (6, 12)
OURS, TWO_LEVELS = "lstm_ref checkpointed", "lstm_ref checkpointed, two levels"
GRADIENT, TRAINING = "against T", "step of training on one text"
PAGES = Path(__file__).parents[1] / "derivations"
UPDATES = 8


# -------------------------------------------------------------------------------------------------------- the ways


def with_levels(levels: int, cell: Any, p: Any, initial: Any, xs: Any) -> sequence.Outputs:
    """`checkpointed.bptt` with so many levels of pieces, within the smallest budget that suffices."""
    least = checkpointed.in_levels(levels, len(xs), *checkpointed.bytes_of(cell, p, initial, xs))
    return checkpointed.bptt(cell, p, initial, xs, budget=least.held)


def remat(cell: Any, p: Any, initial: Any, xs: Any) -> sequence.Outputs:
    """JAX's own way: a scan over pieces of about √T steps, each a `jax.checkpoint` around a scan."""
    T = len(xs)
    k = max(k for k in range(1, int(T**0.5) + 1) if T % k == 0)

    def step(state: Any, x: Any) -> tuple[Any, Any]:
        state, _ = cell.forward(p, state, x)
        return state, state.h

    piece = jax.checkpoint(lambda state, xs: jax.lax.scan(step, state, xs))
    final, hs = jax.lax.scan(piece, initial, xs.reshape(T // k, k, *xs.shape[1:]))
    return sequence.Outputs(hs.reshape(T, *hs.shape[2:]), final)


WAYS: dict[str, Any] = {
    OURS: partial(with_levels, 1),
    TWO_LEVELS: partial(with_levels, 2),
    REFERENCE: sequence.bptt,
    "autodiff of the scan": sequence.scan,
    "jax.checkpoint": remat,
}


# ------------------------------------------------------------------------------------------ in a process of its own


def alone(about: Row, setting: Setting) -> list[Row]:
    """The row of one gradient. The gradients of parameters and initial state are judged: they have come all the way
    back."""
    given = problem(about["T"], B, D, H)
    read = jax.block_until_ready(jax.tree.map(jnp.asarray, (given.params, given.initial, given.xs, given.bar)))
    way = partial(by_scan, WAYS[about["name"]], None)
    compiled = jax.jit(partial(pullback, way)).lower(*read).compile()
    sizes = compiled.memory_analysis()
    before = highest(anew=True)

    def judge(found: Any) -> Row:
        grown = highest() - before - sizes.output_size_in_bytes
        right = truth(given, sequence.scan if len(given.xs) < LONG else WAYS[OURS])  # autodiff needs many gigabytes
        figures = {"peak_bytes": sizes.temp_size_in_bytes, "resident_bytes": grown}
        return figures | near(right[1][:2], given.dtype)(found)

    contender = lambda: jax.block_until_ready(compiled(*read)), lambda found: found[:2]
    rows = measured({about["name"]: contender}, judge, setting, seconds=0.0, **about)
    return [{k: v for k, v in row.items() if k not in ("first_call_seconds", "compile_seconds")} for row in rows]


def highest(anew: bool = False) -> int:
    """Largest memory of the process, in bytes; with `anew`, counted from now on, if the system can reset the count
    (Linux)."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def train(about: Row) -> list[Row]:
    """The row of some gradient steps on one text, back through all of it: seconds, and nats per character at each
    step."""
    text = "".join(f.read_text() for f in sorted(PAGES.glob("*.md"))).encode("ascii", "ignore")[: about["T"] + 1]
    characters, ids = np.unique(np.frombuffer(text, np.uint8), return_inverse=True)
    V, rng = len(characters), np.random.default_rng(0)
    params = lstm.initial_parameters(rng, V, H), dense.initial_parameters(rng, H, V)
    params = jax.tree.map(lambda v: jnp.asarray(v, jnp.float32), params)
    state = arrays(lstm.state_shapes(1, H), partial(jnp.zeros, dtype=jnp.float32))
    xs, targets = jax.nn.one_hot(ids[:-1, None], V), ids[1:, None]

    def loss(params: Any) -> Any:
        outputs = WAYS[OURS](lstm, params[0], state, xs)
        logits, _ = dense.forward(params[1], outputs.hs)
        return softmax_cross_entropy.forward(logits, targets)[0]

    @jax.jit
    def step(params: Any) -> tuple[Any, Any]:
        value, slope = jax.value_and_grad(loss)(params)
        return jax.tree.map(lambda v, v_bar: v - v_bar, params, slope), value

    losses, times = [], []
    for _ in range(UPDATES):
        started = time.perf_counter()
        params, value = step(params)
        losses.append(float(value))
        times.append(time.perf_counter() - started)
    return [about | summary(times[1:]) | {"losses": losses}]


# ----------------------------------------------------------------------------------------------------- the question


def measure(setting: Setting) -> list[Row]:
    """Rows of all ways and numbers of steps, exponents, and the training; in a quick run, all in this process."""
    if setting.device != "cpu":
        raise Elsewhere("the memory is that of processes on the CPU: ask with --device cpu")
    steps, long = (QUICK, QUICK[-1]) if setting.quick else (STEPS, LONG)
    asked = [(T, name) for T in steps for name in WAYS]
    asked += [] if setting.quick else [(LONG, OURS), (LONG, TWO_LEVELS)]
    rows: list[Row] = []
    for T, name in setting.each(asked, "memory"):
        about = {"what": GRADIENT, "name": name, "dtype": "float32", **dict(zip("TBDH", (T, B, D, H), strict=True))}
        how = Setting(quick=setting.quick or T == LONG)  # two rounds, because each takes minutes
        rows += alone(about, how) if setting.quick else apart("memory", "alone", about, how, **about)
    rows += exponents(rows, "T", "peak_bytes")
    about = {"what": TRAINING, "name": OURS, "dtype": "float32", "T": long, "B": 1, "H": H}
    return rows + (train(about) if setting.quick else apart("memory", "train", about, **about))


def table(rows: list[Row]) -> list[Any]:
    """Tables of the exponents, of bytes and seconds as multiples of ours, and of the training."""
    found = fitted(rows, "memory", {"T": 0.5})
    gradients = [row for row in rows if row["what"] == GRADIENT]
    for field in ("peak_bytes", "resident_bytes", "seconds"):
        found += beside(gradients, OURS, field)
    for row in (row for row in rows if "losses" in row):
        losses = ", ".join(f"{v:.3f}" for v in row["losses"])
        found.append(f"one text of {row['T']:,} characters, {readable(row['seconds'])} a step, losses {losses}")
    return found
