"""How an error is marked on a page: by a shade, and for readers without colour by a sign, a frame, hatching and a
number."""

from __future__ import annotations

import math
from typing import NamedTuple

from lstm_ref.checking.report import Report
from lstm_ref.reporting import words

_BOUNDS = {"1e-9": 1e-9, "1e-6": 1e-6, "0.001": 1e-3, "0.1": 1e-1}
"""Boundaries between the shades, by relative error of a wrong adjoint."""


class HtmlMark(NamedTuple):
    """CSS classes, a visible text, and a title for screen readers."""

    classes: str
    text: str
    title: str


LEGEND = (
    ("right", "right"),
    ("shade-0", f"wrong by less than {next(iter(_BOUNDS))}"),
    *((f"shade-{n}", f"{bound} or more") for n, bound in enumerate(_BOUNDS, 1)),
    ("shade-4 first", "✗ framed: the first wrong adjoint on the way back from the loss"),
    ("shade-4 inherited", "• hatched: an error inherited from it"),
)


def mark(report: Report, name: str, error: float, wrong: bool, step: int | None = None) -> HtmlMark:
    """The mark of a named value's adjoint at one step, or at its worst step."""
    what = f"adjoint of {name}" + ("" if step is None else f" at step {step}")
    size = f"relative error {words.error(error)}"
    if not wrong:
        return HtmlMark("right", words.error(error), f"{what}: right, {size}")
    first = report.first_wrong
    shade = f"shade-{sum(error >= bound for bound in _BOUNDS.values()) if math.isfinite(error) else len(_BOUNDS)}"
    if first is None:
        return HtmlMark(shade, f"✗ {words.error(error)}", f"{what}: wrong, {size}")
    if first.node == name and step in (None, first.step):
        return HtmlMark(f"{shade} first", f"✗ {words.error(error)}", f"{what}: the first wrong adjoint, {size}")
    return HtmlMark(f"{shade} inherited", f"• {words.error(error)}", f"{what}: error inherited, {size}")
