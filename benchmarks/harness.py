"""Shared by all questions: checks and timing of contenders, rows, tables, and records in files.

A row is one measured thing: a flat dict of plain numbers and texts. The fields `ABOUT` say what it is about; the other
fields hold the measurements:

    seconds              median of the rounds
    spread               their interquartile range; of several runs, the range of their medians
    runs                 the medians of several runs, each in a process of its own, in their order
    peak_bytes           memory of the compiled program besides its inputs and outputs
    first_call_seconds   the first call, compilation included
    compile_seconds      time of the first call beyond that of a later one
    digits               digits of the result that agree with float64's
    plan                 of ours, tuned: what was chosen
    wrong                why it was not timed
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from lstm_ref import processor
from lstm_ref.checking.checker import environment as core
from lstm_ref.errors import BadInput

Row = dict[str, Any]
Contender = tuple[Callable[[], Any], Callable[[Any], Any]]
"""The function to time, which waits for its result, and how to get the value to judge from that result."""

SIZES = ("T", "B", "D", "H", "devices")
ABOUT = ("question", "what", "name", "dtype", *SIZES)
"""Fields that say what a row is about: no two rows agree in all of them."""
PEERS = ("torch", "flax", "equinox", "dm-haiku", "keras", "chex", "hypothesis")
GENERATOR = "lstm_ref benchmarks"
BURST = 0.03
"""Seconds."""
LONG = 0.3
"""Seconds of a call before which waiting is cheaper than calling it once more."""
LEAST = 7
"""Rounds of a contender."""
LONGEST = 120.0
"""Seconds of rounds that only make a median less uncertain."""


class Elsewhere(BadInput):
    """The question cannot be asked on this device."""


class Setting(NamedTuple):
    """How a question is asked."""

    device: str = "cpu"
    quick: bool = False
    """Whether to run only the minimum that shows that everything works; its times mean little."""

    def each(self, items: Iterable[Any], what: str) -> Iterator[Any]:
        """The items, with a progress bar on standard error."""
        console = Console(stderr=True)
        return iter(track(list(items), what, console=console, transient=True, disable=not console.is_terminal))


# ------------------------------------------------------------------------------------------------------- timing


def measured(
    contenders: dict[str, Contender],
    judge: Callable[[Any], Row],
    setting: Setting,
    seconds: float = 2.0,
    within: float = math.inf,
    **about: Any,
) -> list[Row]:
    """A row for each contender. Only those are timed whose result `judge` accepts: its row has no `wrong`.

    With `within`, rounds go on as `in_turns` says, and the rows have the `uncertainty` that was reached.
    """
    rows = judged(contenders, judge, **about)
    right = {name: run for name, (run, _) in contenders.items() if "wrong" not in rows[name]}
    for name, times in in_turns(right, setting, seconds, within).items():
        rows[name] |= summary(times)
        if within < math.inf and len(times) >= LEAST:
            rows[name]["uncertainty"] = uncertainty(times)
        rows[name]["compile_seconds"] = max(0.0, rows[name]["first_call_seconds"] - rows[name]["seconds"])
    return list(rows.values())


def judged(contenders: dict[str, Contender], judge: Callable[[Any], Row], **about: Any) -> dict[str, Row]:
    """The row of each contender after one call."""
    rows = {}
    for name, (run, read) in contenders.items():
        started = time.perf_counter()
        try:
            found = run()
            first = time.perf_counter() - started
            rows[name] = about | {"name": name, "first_call_seconds": first} | judge(read(found))
        except Exception as error:  # another version of a library may raise anything
            line = (str(error).strip().splitlines() or [""])[0][:150]
            rows[name] = about | {"name": name, "wrong": f"{type(error).__name__}: {line}"}
    return rows


def in_turns(
    runs: dict[str, Callable[[], Any]], setting: Setting, seconds: float = 0.0, within: float = math.inf
) -> dict[str, list[float]]:
    """Seconds of a call in each of seven or more rounds, in turns A B C A B C, so that a drift of the machine affects
    all.

    Some threads wait busily after their answer (torch's do) and slow down the next contender, by 7 ms in all. So each
    turn starts with untimed calls for a `BURST`, at least one; or where the last one took `LONG`, with a rest. Then a
    call much shorter than `BURST` is repeated until another `BURST` is over, and its median counts. In a quick run both
    are skipped.

    Rounds go on while a median is uncertain by more than the part `within` of itself, for `LONGEST` seconds at most.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    least, seconds, burst = (2, 0.0, 0.0) if setting.quick else (LEAST, seconds, BURST)
    within = math.inf if setting.quick else within
    begun = time.perf_counter()

    def enough() -> bool:
        taken = time.perf_counter() - begun
        if len(next(iter(times.values()))) < least or taken < seconds:
            return False
        return taken > LONGEST or all(uncertainty(each) <= within for each in times.values())

    while runs and not enough():
        for name, run in runs.items():
            is_long = times[name][-1:] > [LONG]
            times[name].append(_burst(run, burst, is_long))
    return times


def _burst(run: Callable[[], Any], seconds: float, is_long: bool) -> float:
    times: list[float] = []
    begun = time.perf_counter()
    if is_long:
        time.sleep(seconds)
    while time.perf_counter() - begun < seconds:
        run()  # disturbed by the contender before
    while not times or sum(times) < seconds:
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def uncertainty(times: list[float]) -> float:
    """Half the width of the 95 % interval of the median, as a part of the median; infinite for fewer than six times.

    The interval lies between the k-th smallest and the k-th largest time, whatever the distribution: the median is
    below the former where fewer than k of n times are below it, in P(Binomial(n, 1/2) < k) ≤ 2.5 % of cases.
    """
    ordered, n = sorted(times), len(times)
    k, missed = 0, 0.5**n
    while missed <= 0.025:
        k += 1
        missed += math.comb(n, k) * 0.5**n
    return (ordered[n - k] - ordered[k - 1]) / 2 / statistics.median(ordered) if k else math.inf


def summary(times: list[float], units: float = 1.0) -> Row:
    """Median, spread and number of the rounds; seconds per unit if a call does several units."""
    low, median, high = np.percentile(np.array(times) / units, (25, 50, 75)).tolist()
    return {"seconds": median, "spread": high - low, "rounds": len(times)}


def near(truth: Any, dtype: Any) -> Callable[[Any], Row]:
    """A judge of arrays by the fewest digits that any agrees with the truth: at least half of the arithmetic's digits
    are required.

    Roundings of either sign add up to √n·ε after n of them, which is less than √ε for all n < 1/ε.
    """
    dtype, truths = np.dtype(dtype), [np.asarray(v) for v in jax.tree.leaves(truth)]
    held = mantissa_bits(dtype) * float(np.log10(2))

    def judge(found: Any) -> Row:
        errors = [10**-held]
        for mine, truth in zip(jax.tree.leaves(found), truths, strict=True):
            if mine.dtype != dtype or mine.shape != truth.shape:
                return {"wrong": f"answers in {mine.dtype} {mine.shape}, expected {dtype} {truth.shape}"}
            errors.append(np.max(np.abs(np.asarray(mine, np.float64) - truth)) / np.max(np.abs(truth)))
        digits = -float(np.log10(np.max(errors)))
        if not digits >= held / 2:  # NaN too
            return {"wrong": f"its result has {digits:.1f} digits, of {held:.1f} that {dtype} holds"}
        return {"digits": digits}

    return judge


def mantissa_bits(dtype: Any) -> int:
    """Significant bits of products in the dtype; float32's are TF32 on a GPU unless a higher precision was set."""
    more = jax.config.jax_default_matmul_precision in ("highest", "float32")
    if dtype == np.float32 and jax.default_backend() == "gpu" and not more:
        return 11
    return int(jax.numpy.finfo(dtype).nmant) + 1


def use(device: str) -> None:
    """Make JAX compute on the device. Raises BadInput if there is none."""
    if device == "cpu":
        jax.config.update("jax_platforms", "cpu")
        with suppress(RuntimeError):  # fails if JAX is already in use
            # the devices over which a batch is split
            jax.config.update("jax_num_cpu_devices", processor.cores())
    try:
        jax.devices(device)
    except RuntimeError:
        raise BadInput(f"--device {device}: JAX finds none here, but {jax.default_backend()}") from None


def apart(module: str, function: str, *arguments: Any, **about: Any) -> list[Row]:
    """The rows that a function of benchmarks/<module>.py returns in a new process on the CPU; if it fails, a row with
    the reason."""
    call = f"file.{function}(*{arguments!r})"
    imports = f"import json; from benchmarks import {module} as file; from benchmarks.harness import Setting"
    code = f"{imports}; print(json.dumps({call}))"
    where = os.environ | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[1], env=where, capture_output=True, text=True
    )
    if done.returncode:
        line = (done.stderr.strip().splitlines() or [""])[-1][:150]
        return [about | {"wrong": f"its process left with {done.returncode}: {line}"}]
    return json.loads(done.stdout.splitlines()[-1])


# ------------------------------------------------------------------------------------------------------- tables


def sizes_of(row: Row) -> str:
    """The sizes of a row as text, "50, 16, 32, 32"."""
    return ", ".join(str(row[k]) for k in SIZES if k in row)


def beside(rows: list[Row], base: str, field: str = "seconds") -> list[Table]:
    """A table for each `what` and dtype: sizes down, contenders across, as multiples of `base`."""
    tables = []
    for what, dtype in dict.fromkeys((row["what"], row.get("dtype", "")) for row in rows):
        group = [row for row in rows if (row["what"], row.get("dtype", "")) == (what, dtype)]
        names = dict.fromkeys([base, *(row["name"] for row in group)])
        table = Table(title=f"{what} {dtype}: {field}, as multiples of {base}", title_justify="left")
        table.add_column(", ".join(k for k in SIZES if k in group[0]), justify="right", no_wrap=True)
        for head in names:
            table.add_column(head, justify="right")
        for size in dict.fromkeys(map(sizes_of, group)):
            found = {row["name"]: row for row in group if sizes_of(row) == size}
            unit = found.get(base)
            table.add_row(size, *(_cell(found.get(name), field, None if name == base else unit) for name in names))
        tables.append(table)
    return tables


def _cell(row: Row | None, field: str, base: Row | None) -> str:
    if row is None or (field not in row and "wrong" not in row):
        return ""
    if "wrong" in row:
        return "not timed"
    if not base or not base.get(field):
        return readable(row[field], field)
    figures = multiples(row, base, field)
    middle = f"{statistics.median(figures):.2f}"
    return middle if len(figures) == 1 else f"{middle}\n{min(figures):.2f}–{max(figures):.2f}"


def multiples(row: Row, base: Row, field: str = "seconds") -> list[float]:
    """A field as multiples of another row's: of each run or, where the two rows have not the same runs, one."""
    mine, theirs = row.get("runs", []), base.get("runs", [])
    if field == "seconds" and len(mine) == len(theirs) > 0:
        return [a / b for a, b in zip(mine, theirs, strict=True)]
    return [row[field] / base[field]]


def quoted(figures: list[float]) -> str:
    """Figures as a document quotes them: "1.05", or the median and the range, "1.05 (0.94 to 1.10)"."""
    middle = f"{statistics.median(figures):.2f}"
    return middle if len(figures) == 1 else f"{middle} ({min(figures):.2f} to {max(figures):.2f})"


def readable(value: float, field: str = "seconds") -> str:
    """A value as text: "1.23 ms", or "1.23 MB" for a field of bytes."""
    units = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B"))
    if not field.endswith("bytes"):
        units = ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
    unit, name = next((one for one in units if value >= one[0]), units[-1])
    return f"{value / unit:.3g} {name}"


# ------------------------------------------------------------------------------------------------------ records


def environment(device: str) -> dict[str, str]:
    """The facts that figures depend on: machine, device, versions, precision of products. Libraries not installed are
    "absent"."""
    found = (
        core()
        | processor.facts()
        | {
            "load before": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
            "cores": str(processor.cores()),
            "device": jax.devices(device)[0].device_kind,
            "devices": str(jax.device_count()),
            "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
            "jax_default_matmul_precision": str(jax.config.jax_default_matmul_precision),
        }
    )
    for name in PEERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    if found["torch"] != "absent":
        import torch

        found["torch threads"] = str(torch.get_num_threads())
        found["torch TF32"] = (
            f"products {torch.backends.cuda.matmul.allow_tf32}, cuDNN {torch.backends.cudnn.allow_tf32}"
        )
    return found


def key(row: Row) -> tuple[Any, ...]:
    """The fields that say what the row is about."""
    return tuple(row.get(k) for k in ABOUT)


def write(path: Path, environment: dict[str, str], rows: list[Row]) -> None:
    """A record of the rows, in a new file."""
    facts = json.dumps({"generator": GENERATOR, "environment": environment}, indent=1)
    lines = ",\n".join(f"  {json.dumps(row, allow_nan=False)}" for row in rows)
    with path.open("x", encoding="utf-8") as file:
        file.write(facts.removesuffix("\n}") + f',\n "rows": [\n{lines}\n ]\n}}\n')


def read(path: Path) -> tuple[dict[str, str], list[Row]]:
    """The environment and rows of a record. Raises BadInput if the file is not a record."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise BadInput(f"{path}: is not JSON") from None
    if not isinstance(found, dict) or found.get("generator") != GENERATOR:
        raise BadInput(f"{path}: is no record that `python -m benchmarks --out` wrote")
    rows = found["rows"]
    if len({key(row) for row in rows}) < len(rows):
        raise BadInput(f"{path}: two of its rows are about the same thing ({', '.join(ABOUT)})")
    return found["environment"], rows
