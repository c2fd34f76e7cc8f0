"""Claims about times, as sentences that a record bears out or not: they hold on the reader's machine, or no longer.

Times of two machines cannot be compared, multiples of one contender's time by another's can. A claim is made by a
question's `claims(rows)`. Of the figures that it rests on, two records' ranges may lie apart. For n and m runs of the
same distribution this happens by chance in 2·n!·m!/(n + m)! of cases: 10 % for three and three, 1e-5 for ten and ten.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

from rich.table import Table

from benchmarks import QUESTIONS
from benchmarks.harness import Row, quoted

HOLDS, STILL, NO_LONGER, NOW, NOT = "holds", "still holds", "no longer holds", "holds now", "does not hold"


class Claim(NamedTuple):
    """A sentence, whether it is true of a record, and why."""

    sentence: str
    holds: bool
    figures: dict[str, list[float]]
    """By what they are of, as a size: a figure for each run."""


def claims_of(rows: list[Row]) -> list[Claim]:
    """The claims of all questions in the rows."""
    found: list[Claim] = []
    for question in dict.fromkeys(row["question"] for row in rows if row["question"] in QUESTIONS):
        module = importlib.import_module(f"benchmarks.{QUESTIONS[question]}")
        if hasattr(module, "claims"):
            found += module.claims([row for row in rows if row["question"] == question])
    return found


def table(claims: list[Claim]) -> list[Table]:
    """The claims of a record with their figures."""
    shown = Table("claim", "of", "figure", "", title="claims", title_justify="left")
    for claim in claims:
        said = claim.sentence, HOLDS if claim.holds else NOT
        for n, (of, figures) in enumerate(claim.figures.items()):
            shown.add_row("" if n else said[0], of, quoted(figures), "" if n else said[1])
    return [shown] if claims else []


def compare(old: list[Row], new: list[Row]) -> tuple[list[Any], bool]:
    """What to print of the claims that both records make, and whether one holds no longer."""
    before, after = ({claim.sentence: claim for claim in claims_of(rows)} for rows in (old, new))
    both = [(before[sentence], after[sentence]) for sentence in before if sentence in after]
    shown = Table("claim", "of", "old", "new", "", title="claims", title_justify="left")
    verdicts = {}
    for then, now in both:
        verdict = {(True, True): STILL, (True, False): NO_LONGER, (False, True): NOW, (False, False): NOT}
        verdicts[now.sentence] = verdict[then.holds, now.holds]
        shown.add_row(now.sentence, "", "", "", verdicts[now.sentence])
        for of in dict.fromkeys((*then.figures, *now.figures)):
            figures = then.figures.get(of, []), now.figures.get(of, [])
            moved = "ranges lie apart" if all(len(f) > 1 for f in figures) and _apart(*figures) else ""
            shown.add_row("", of, *(quoted(f) if f else "" for f in figures), moved)
    said = [f"{verdict}: {sentence}" for sentence, verdict in verdicts.items()]
    return ([shown, *said] if both else []), NO_LONGER in verdicts.values()


def _apart(a: list[float], b: list[float]) -> bool:
    return max(a) < min(b) or max(b) < min(a)
