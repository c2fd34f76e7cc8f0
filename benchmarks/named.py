"""How many wrong backward passes of strangers' code are named, at the right line and with the right word.

    python -m benchmarks.named [cell ...]

A cell's forward is traced once. Seconds are of the search alone. `wrongly` counts what is named as an explanation of
the whole claim at none of the lines that were planted: the gradient is the same to all digits, the place another.
"""

from __future__ import annotations

import random
import re
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests" / "graph"
PAIRS = 4
"""Of each cell."""


def main(chosen: list[str]) -> None:
    """Prints the table."""
    sys.path.insert(0, str(TESTS))
    from naming import judged, lines, named, named_in
    from slips import CELLS, SLIPS, generated

    print(
        f"{'cell':<16}{'slips':>6}{'named':>7}{'line':>6}{'word':>6}{'wrongly':>9}{'pairs':>7}{'both':>6}{'s/slip':>8}"
    )
    totals = [0] * 7
    for cell in chosen or list(CELLS):
        slips = [*(s for s in SLIPS if s.cell == cell), *generated(cell)]
        start = time.process_time()
        found = [judged(s) for s in slips]
        seconds = (time.process_time() - start) / len(slips)
        rng, source, pairs, both = random.Random(0), CELLS[cell].read_text(), 0, 0
        while pairs < PAIRS:
            a, b = rng.sample(slips, 2)
            once = source.replace(a.old, a.new)
            if a.old == b.old or source.count(a.old) != 1 or once.count(b.old) != 1:
                continue
            two = named(cell, once.replace(b.old, b.new))
            at = lines(two)
            pairs += 1
            both += two.is_complete and all(any(set(s.lines) & line for line in at) for s in (a, b))
        row = [
            len(slips),
            sum(f.is_named for f in found),
            sum(f.at_its_line for f in found),
            sum(f.is_named and f.by_its_word for f in found),
            sum(f.is_named and not f.at_its_line for f in found),
            pairs,
            both,
        ]
        totals = [t + r for t, r in zip(totals, row, strict=True)]
        print(_row(cell, row) + f"{seconds:>8.2f}", flush=True)
        for slip, f in zip(slips, found, strict=True):
            if not f.is_named:
                old, new = (text.removesuffix("  # <-") for text in (slip.old, slip.new))
                print(f"    not named: {slip.edit}: {old} -> {new}")
    print(_row("all", totals))
    files = sorted((TESTS / "published").glob("*.py"))
    hits = 0
    for file in files:
        seen = named_in(file)
        edges = set(re.findall("^# edge: (.*)", file.read_text(), re.M))
        right = seen.is_complete and (not seen.explanations or bool(edges & set().union(*lines(seen))))
        hits += right
        if not right:
            print(f"    not named: {file.stem}")
    print(f"published files: {hits} of {len(files)}")


def _row(name: str, row: list[int]) -> str:
    return f"{name:<16}" + "".join(f"{n:>{w}}" for n, w in zip(row, (6, 7, 6, 6, 9, 7, 6), strict=True))


if __name__ == "__main__":
    main(sys.argv[1:])
