"""Where does the time of one call go: products, elementwise work, waiting for another device? Outputs alone, and
gradients, in float32.

XLA's own profiler says when each operation of a compiled program began and ended on each thread. Operations are
sorted by their names and by how often they run: T times or more is in the loop over the steps. Seconds are means over
the calls and over the devices' threads, and parts are of a call under the profiler, which takes longer by a little for
each operation. What no operation covers is the rest: dispatch, memory that the system clears, and products that XLA
hands to other threads (dot_general: the kernels' gradients, and a single row in blocks), which end for its profiler
when they are handed over. The speed of products is given as a part of a large product's, measured in the same process.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import jax
from rich.table import Table

from benchmarks import limits
from benchmarks.gradient_speed import GRADIENT, OURS, SIZES, TORCH, fast, plan_of, problem, torchs
from benchmarks.harness import Elsewhere, Row, Setting, apart, in_turns, readable, sizes_of, summary, use

FORWARD = "outputs alone"
LOOP, AROUND = "products in the loop", "products around it"
ELEMENTWISE, WAITING, REST = "elementwise, copies", "other device", "rest"
KINDS = (LOOP, AROUND, ELEMENTWISE, WAITING, REST)
PRODUCTS = ("ynn_fusion", "xnn_fusion", "onednn")
"""How the names of products begin that run on the thread that waits for them."""
NOT_COUNTED = ("while", "call", "conditional", "dot", "Rendezvous", "end: ")
"""And of events that contain others, mark their end, or end when the work is handed over."""
CALLS = 10
SECONDS = 2.0


class Event(NamedTuple):
    """One operation on one thread."""

    name: str
    seconds: float


def traced(run: Callable[[], Any], calls: int) -> tuple[float, list[Event]]:
    """Seconds of a call under the profiler, and what the threads of XLA did in so many. Raises Elsewhere where this JAX
    cannot read its own profile."""
    try:
        from jax.profiler import ProfileData
    except ImportError:
        raise Elsewhere(f"jax {jax.__version__} has no jax.profiler.ProfileData") from None
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            started = time.perf_counter()
            for _ in range(calls):
                run()
            taken = time.perf_counter() - started
        data = [ProfileData.from_file(str(file)) for file in Path(folder).rglob("*.xplane.pb")]
    lines = [line for one in data for plane in one.planes for line in plane.lines if line.name.startswith("tf_XLA")]
    return taken / calls, [Event(e.name, e.duration_ns * 1e-9) for line in lines for e in line.events]


def parts(found: list[Event], calls: int, over: int, T: int) -> dict[str, float]:
    """Seconds of a call, by kind of work, the mean over `over` devices."""
    by_name: dict[str, list[float]] = defaultdict(list)
    for event in found:
        by_name[event.name].append(event.seconds)
    sums = dict.fromkeys(KINDS[:-1], 0.0)
    for name, times in by_name.items():
        if (kind := kind_of(name, len(times) / calls / over >= T)) is not None:
            sums[kind] += sum(times) / calls / over
    return sums


def kind_of(name: str, is_in_loop: bool) -> str | None:
    """The kind of work of an operation, by its name in the compiled program; None of what is no operation."""
    if name.startswith(NOT_COUNTED) or "::" in name or " " in name:
        return None
    if name.startswith("all-reduce"):
        return WAITING
    if name.startswith(PRODUCTS):
        return LOOP if is_in_loop else AROUND
    return ELEMENTWISE


def operations(T: int, B: int, D: int, H: int, backward: bool) -> dict[str, int]:
    """Of the products in the loop (FL2, FL3*) and, in a forward pass, around it (FL1): those of a backward pass are
    partly in the rest."""
    one = 2 * T * B * 4 * H
    return {LOOP: 2 * one * H} if backward else {LOOP: one * H, AROUND: one * D}


def of_a_call(size: tuple[int, ...], backward: bool, setting: Setting) -> Iterator[Row]:
    """The rows of one size: ours and torch's whole time, and the parts of ours."""
    given = problem(*size)
    about = dict(zip("TBDH", size, strict=True)) | {"dtype": "float32", "what": GRADIENT if backward else FORWARD}
    runs = {OURS: fast(given, backward)}
    with suppress(ImportError):
        runs[TORCH] = torchs(given, backward)
    for run in runs.values():
        run()
    times = {name: summary(each) for name, each in in_turns(runs, setting, SECONDS).items()}
    yield from (about | {"name": name} | row for name, row in times.items())
    calls, over = (2 if setting.quick else CALLS), plan_of(given).devices
    taken, seen = traced(runs[OURS], calls)
    found = parts(seen, calls, over, size[0])
    found[REST] = max(0.0, taken - sum(found.values()))
    full, work = limits.product(given.dtype, setting)["seconds"], operations(*size, backward)
    for kind, seconds in found.items():
        row = about | {"name": kind, "seconds": seconds, "spread": 0.0, "part": seconds / taken}
        if kind in work and seconds:
            row["of_full_speed"] = full * work[kind] / seconds
        yield row


def measure(setting: Setting) -> list[Row]:
    """Rows of all sizes, each measured in a fresh process."""
    if setting.quick:
        return [row for backward in (False, True) for row in of_a_call(SIZES[0], backward, setting)]
    return [
        row
        for size in setting.each(SIZES, "profile")
        for row in apart("profile", "alone", size, name=OURS, what=FORWARD, **dict(zip("TBDH", size, strict=True)))
    ]


def alone(size: tuple[int, ...]) -> list[Row]:
    """The rows of one size, in this process."""
    use("cpu")
    return [row for backward in (False, True) for row in of_a_call(size, backward, Setting())]


def table(rows: list[Row]) -> list[Any]:
    """A table for outputs and one for gradients: the time of a call, torch's, and where ours goes."""
    return [
        _table(what, [row for row in rows if row["what"] == what]) for what in dict.fromkeys(r["what"] for r in rows)
    ]


def _table(what: str, rows: list[Row]) -> Table:
    found = Table(title=f"{what}: the parts of our time; of products, their speed as a part of a large product's")
    for head in ("T, B, D, H", OURS, TORCH, *KINDS):
        found.add_column(head, justify="right")
    for size in dict.fromkeys(map(sizes_of, rows)):
        named = {row["name"]: row for row in rows if sizes_of(row) == size}
        whole = [readable(named[k]["seconds"]) if "seconds" in named.get(k, {}) else "" for k in (OURS, TORCH)]
        found.add_row(size, *whole, *(_part(named.get(kind, {})) for kind in KINDS))
    return found


def _part(row: Row) -> str:
    if "part" not in row:
        return ""
    if row["name"] in (LOOP, AROUND) and not row["seconds"]:
        return "in the rest"
    return f"{row['part']:.0%}" + (f", at {row['of_full_speed']:.0%}" if "of_full_speed" in row else "")
