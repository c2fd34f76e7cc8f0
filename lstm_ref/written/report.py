"""The result of checking a written derivation, as plain data."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

SCHEMA = 1


@dataclass(frozen=True)
class LineReport:
    """One equation of the backward pass."""

    line: int
    tag: str | None
    source: str
    verdict: str
    """right, wrong or unchecked."""
    digits: float | None
    """To which both sides agree; None where nothing was computed."""
    finding: str | None = None
    """What is wrong, or why nothing could be checked."""
    corrected: str | None = None
    """The LaTeX that should stand there."""
    steps: str | None = None
    """At which of the steps it is wrong."""


@dataclass(frozen=True)
class Missing:
    """A gradient that no line gives, and the LaTeX of one."""

    of: str
    corrected: str | None


@dataclass(frozen=True)
class PageReport:
    """A written derivation, checked."""

    name: str
    shapes: dict[str, str]
    conventions: tuple[str, ...]
    lines: tuple[LineReport, ...]
    missing: tuple[Missing, ...]
    seconds: float

    @property
    def verdict(self) -> str:
        """right; wrong, if a line is; undecided, if none is wrong and some could not be checked."""
        found = {line.verdict for line in self.lines}
        return "wrong" if "wrong" in found else "undecided" if "unchecked" in found or not found else "right"

    @property
    def exit_code(self) -> int:
        """0 right, 1 wrong, 2 undecided."""
        return {"right": 0, "wrong": 1, "undecided": 2}[self.verdict]

    def as_dict(self) -> dict[str, Any]:
        """For JSON. Digits of sides that are equal to the last bit are None, as JSON has no infinity."""
        lines = [asdict(line) | {"digits": _finite(line.digits)} for line in self.lines]
        return {"schema": SCHEMA, "verdict": self.verdict, **asdict(self), "lines": lines}


def _finite(digits: float | None) -> float | None:
    return digits if digits is not None and math.isfinite(digits) else None
