"""Reports on standard error the rows of data files that were left out."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import Any

import click


def report_bad(bad: list[Any]) -> None:
    """Lists every line that was left out; lines with the same reason are listed together."""
    lines = defaultdict(list)
    for one in bad:
        lines[one.path, one.why].append(one.line)
    for (path, why), numbers in lines.items():
        said = ", ".join(_ranges(numbers))
        where = f"{path}, line{'s' * (len(numbers) > 1)} {said}" if numbers[0] else path
        click.echo(f"left out: {where}: {why}", err=True)
    rows = sum(1 for one in bad if one.line)
    if rows:
        click.echo(f"{rows} bad row{'s' * (rows > 1)} in all", err=True)


def _ranges(numbers: list[int]) -> list[str]:
    """Joins runs of numbers: 3, 4, 5, 9 becomes 3-5, 9."""
    found = []
    for _, group in groupby(enumerate(numbers), lambda one: one[1] - one[0]):
        run = [number for _, number in group]
        found.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
    return found
