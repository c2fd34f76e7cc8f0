"""Two records of the same questions, row beside row: how many times as long the newer one took, and what moved.

A row has moved where its medians differ by more than the larger of the two spreads. Of normal errors alone that happens
in 6 % of rows of seven rounds and in 0.6 % of fifteen (simulated): what counts is what moves again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from benchmarks.harness import ABOUT, Row, key, read, readable

SLOWER, FASTER, WRONG, GONE, NEW = "slower", "faster", "not timed any more", "only in the old", "only in the new"


class Change(NamedTuple):
    """Of one row."""

    row: str
    old: float | None
    new: float | None
    spread: float
    """The larger."""
    verdict: str
    """Empty where it has not moved."""


def changes(old: list[Row], new: list[Row]) -> list[Change]:
    """Of all rows that have a time in either."""
    before, after = ({key(row): row for row in rows} for rows in (old, new))
    timed = [one for one in before | after if any("seconds" in rows.get(one, ()) for rows in (before, after))]
    return [_change(before.get(one), after.get(one)) for one in timed]


def _change(old: Row | None, new: Row | None) -> Change:
    row = new or old or {}
    name = ", ".join(str(row[k]) if k not in "TBDH" else f"{k}={row[k]}" for k in ABOUT if k in row)
    then, now = (None if one is None else one.get("seconds") for one in (old, new))
    spread = max(one.get("spread", 0.0) for one in (old, new) if one is not None)
    if then is None or now is None:
        return Change(name, then, now, spread, GONE if new is None else NEW if old is None or now else WRONG)
    moved = abs(now - then) > spread
    return Change(name, then, now, spread, "" if not moved else SLOWER if now > then else FASTER)


def compare(old: Path, new: Path) -> tuple[list[Any], bool]:
    """What is printed, and whether any row became slower or is not timed any more. Raises BadInput: no records."""
    (facts, before), (facts_now, after) = read(old), read(new)
    found = changes(before, after)
    table = Table("", "old", "new", "new / old", "spread", "", title=f"{old} → {new}", title_justify="left")
    for one in found:
        times = ("" if v is None else readable(v) for v in (one.old, one.new))
        ratio = f"{one.new / one.old:.2f}" if one.old and one.new else ""
        table.add_row(one.row, *times, ratio, readable(one.spread), one.verdict)
    differ = [k for k in facts | facts_now if facts.get(k) != facts_now.get(k)]
    said = [f"{k}: {facts.get(k)} → {facts_now.get(k)}" for k in differ]
    moved = [f"{one.verdict}: {one.row}" for one in found if one.verdict]
    return [table, *said, *moved, f"{len(found)} rows, {len(moved)} moved"], any(
        one.verdict in (SLOWER, WRONG) for one in found
    )
