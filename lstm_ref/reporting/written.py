"""The report on a written derivation in the terminal. Nothing here computes a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from lstm_ref.reporting.terminal import COLOURS, escape

if TYPE_CHECKING:
    from lstm_ref.written.report import LineReport, PageReport

_SIGNS = {"right": "green", "wrong": "red", "unchecked": "yellow"}


def render(report: PageReport) -> RenderableType:
    """One page: verdict, how it was read, what is wrong and where, what is missing."""
    return Group(_headline(report), *_reading(report), *_lines(report), *_missing(report))


def _headline(report: PageReport) -> str:
    count = {verdict: sum(line.verdict == verdict for line in report.lines) for verdict in _SIGNS}
    parts = [f"{count['right']} of {len(report.lines)} lines right"]
    parts += [f"{n} {verdict}" for verdict, n in count.items() if n and verdict != "right"]
    agreeing = [line.digits for line in report.lines if line.verdict == "right" and line.digits is not None]
    if agreeing and math.isfinite(min(agreeing)):
        parts.append(f"{min(agreeing):.0f} digits in balls")
    parts.append(f"{report.seconds:.1f} s")
    colour = COLOURS[report.verdict]
    return f"[bold]{escape(report.name)}[/]: [bold {colour}]{report.verdict}[/]  ({', '.join(parts)})"


def _reading(report: PageReport) -> Iterable[str]:
    shapes = ", ".join(f"{name}: {shape}" for name, shape in report.shapes.items())
    yield f"[dim]shapes:[/] {escape(shapes)}"
    for sentence in report.conventions:
        yield f"[dim]read as:[/] {escape(sentence)}"


def _lines(report: PageReport) -> Iterable[str]:
    for line in report.lines:
        if line.verdict != "right":
            yield from _line(line)
    if report.verdict == "wrong":
        yield "[dim]every line is judged on true adjoints, so none is wrong because of a line above it[/]"


def _line(line: LineReport) -> Iterable[str]:
    tag = f" ({escape(line.tag)})" if line.tag else ""
    steps = f", {line.steps}" if line.steps else ""
    yield f"line {line.line}{tag}: [bold {_SIGNS[line.verdict]}]{line.verdict}[/]{escape(steps)}"
    yield f"  written  {escape(line.source)}"
    if line.finding is not None:
        label = "  reason   " if line.verdict == "unchecked" else "  mistake  "
        yield f"{label}{escape(line.finding)}"
    if line.corrected is not None:
        yield f"  derived  {escape(line.corrected)}"


def _missing(report: PageReport) -> Iterable[str]:
    for one in report.missing:
        line = f": {escape(one.corrected)}" if one.corrected is not None else ""
        yield f"[yellow]no line for[/] {escape(one.of)}{line}"
