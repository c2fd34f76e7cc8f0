"""Compares two records of the same questions row by row: the ratio of newer to older, and which rows moved.

A row has moved if its medians differ by more than the larger of the two spreads. By chance alone, with normal errors,
this happens in 6 % of rows of seven rounds and in 0.6 % of rows of fifteen (simulated), so only a repeated move counts.
The memory of a compiled program has no spread: any difference is a move.

Beside the rows stand the claims (`claims.py`): which of the old record's still hold in the new one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from benchmarks import claims
from benchmarks.harness import ABOUT, SIZES, Row, key, read, readable

SLOWER, FASTER, LARGER, SMALLER = "slower", "faster", "larger", "smaller"
WRONG, GONE, NEW = "not measured any more", "only in the old", "only in the new"
MOVED = {"seconds": (SLOWER, FASTER), "peak_bytes": (LARGER, SMALLER)}
"""The compared measures, with the verdicts for an increase and a decrease."""


class Change(NamedTuple):
    """The change of one measure of a row."""

    row: str
    measure: str
    old: float | None
    new: float | None
    spread: float
    """The larger."""
    verdict: str
    """Empty if the row has not moved."""


def changes(old: list[Row], new: list[Row]) -> list[Change]:
    """The changes of all rows that have a time, or bytes, in either record."""
    before, after = ({key(row): row for row in rows} for rows in (old, new))
    pairs = [(before.get(one), after.get(one)) for one in before | after]
    return [_change(*pair, measure) for measure in MOVED for pair in pairs if any(measure in (v or ()) for v in pair)]


def _change(old: Row | None, new: Row | None, measure: str) -> Change:
    row = new or old or {}
    name = ", ".join(str(row[k]) if k not in SIZES else f"{k}={row[k]}" for k in ABOUT if k in row)
    then, now = (None if one is None else one.get(measure) for one in (old, new))
    spread = max(one.get("spread", 0.0) for one in (old, new) if one is not None) if measure == "seconds" else 0.0
    verdict = ""
    if then is None or now is None:
        verdict = GONE if new is None else NEW if old is None or now else WRONG
    elif abs(now - then) > spread:
        more, less = MOVED[measure]
        verdict = more if now > then else less
    return Change(name, measure, then, now, spread, verdict)


def compare(old: Path, new: Path) -> tuple[list[Any], bool]:
    """What to print, and whether a row became slower, larger or wrong, or a claim no longer holds. Raises BadInput."""
    (facts, before), (facts_now, after) = read(old), read(new)
    found = changes(before, after)
    table = Table("", "old", "new", "new / old", "spread", "", title=f"{old} → {new}", title_justify="left")
    for one in found:
        times = ("" if v is None else readable(v, one.measure) for v in (one.old, one.new))
        ratio = f"{one.new / one.old:.2f}" if one.old and one.new else ""
        table.add_row(one.row, *times, ratio, readable(one.spread) if one.spread else "", one.verdict)
    differ = [k for k in facts | facts_now if facts.get(k) != facts_now.get(k)]
    said = [f"{k}: {facts.get(k)} → {facts_now.get(k)}" for k in differ]
    moved = [f"{one.verdict}: {one.row}" for one in found if one.verdict]
    claimed, broken = claims.compare(before, after)
    worse = broken or any(one.verdict in (SLOWER, LARGER, WRONG) for one in found)
    return [table, *said, *moved, f"{len(found)} rows, {len(moved)} moved", *claimed], worse
