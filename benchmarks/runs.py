"""A question asked again in fresh processes: the median and the range of the runs, and multiples run by run.

Where arrays lie in memory, and what neighbours on the machine do, is drawn anew by every process, and makes a contender
some 5 % slower or faster in all its rounds. Within a run all contenders have the same draw, so a multiple is taken
within each run first, and the median of the multiples is what counts.
"""

from __future__ import annotations

import importlib
import statistics
from collections.abc import Iterable

from benchmarks.harness import Row, Setting, apart, key, use


def once(module: str, setting: Setting) -> list[Row]:
    """The rows of a question, measured in this process."""
    use(setting.device)
    return importlib.import_module(f"benchmarks.{module}").measure(setting)


def in_runs(question: str, module: str, setting: Setting, runs: int) -> list[Row]:
    """The rows of a question over a number of runs on the CPU, each in a process of its own."""
    each = setting.each(range(runs), f"{question}, runs")
    return joined(apart("runs", "once", module, setting, what="a run", name=question) for _ in each)


def joined(records: Iterable[list[Row]]) -> list[Row]:
    """One row for the rows about the same thing: the middle one, with the median and the range of all runs; or one that
    is wrong, if any is."""
    same: dict[tuple[object, ...], list[Row]] = {}
    for row in (row for rows in records for row in rows):
        same.setdefault(key(row), []).append(row)
    return [_joined(rows) for rows in same.values()]


def _joined(rows: list[Row]) -> Row:
    wrong = [row for row in rows if "wrong" in row]
    if wrong or len(rows) == 1:
        return wrong[0] if wrong else rows[0]
    middle = sorted(rows, key=lambda row: row.get("seconds", 0.0))[len(rows) // 2]
    if "seconds" not in middle:
        return middle
    runs = [seconds for row in rows for seconds in row.get("runs", [row["seconds"]])]
    return middle | {"seconds": statistics.median(runs), "spread": max(runs) - min(runs), "runs": runs}
