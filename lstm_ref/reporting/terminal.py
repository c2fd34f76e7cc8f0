"""A report in the terminal: tables by rich, sentences by `words`. Nothing here computes a verdict."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.markup import escape as escape_markup
from rich.table import Table
from rich.text import Text

from lstm_ref.checking.report import WRONG, InputReport, OracleReport, Report
from lstm_ref.errors import shown
from lstm_ref.reporting import words

COLOURS = {"right": "green", "wrong": "red", "undecided": "yellow"}
MANY_ROWS, FEW_ROWS = 300, 20
"""Number of inputs above which only some of those that are right are shown, and how many are."""
UNBROKEN = 10_000
"""Number of columns where there is no width."""
WIDEST = 60
"""Number of columns for a list of names, which ends in an ellipsis if it is longer."""
NARROWEST = 20
"""Minimum number of columns. A terminal that reports fewer (COLUMNS=0) does not know its width."""


class _Console(Console):
    """Passes a closed pipe on to the caller. rich would end the process with 1, which means a wrong gradient."""

    def on_broken_pipe(self) -> None:
        raise  # re-raises the BrokenPipeError that is being handled


def console(no_color: bool = False, **options: Any) -> Console:
    """Standard output, without rich's emoji, which would turn the `:100:` of a source line into a picture.

    A file, a pipe and the log of a CI have no width: a line there is broken only where COLUMNS asks for it. Other
    options are rich's.
    """
    out = _Console(no_color=no_color, emoji=False, highlight=False, **options)
    if not (out.is_terminal or os.environ.get("COLUMNS", "").isdigit()):
        out.width = UNBROKEN
    if out.width < NARROWEST:
        out.width = 80
    return out


def escape(text: str) -> str:
    """A user's text, with rich's markup and terminal control characters escaped."""
    return escape_markup(shown(text))


def as_text(report: Report, width: int = 110) -> str:
    """The report as plain text; in a notebook too, where rich would show it and leave no text."""
    text = io.StringIO()
    out = Console(width=width, color_system=None, emoji=False, highlight=False, file=text, force_jupyter=False)
    out.print(render(report))
    return text.getvalue()


def render(report: Report) -> RenderableType:
    """One complete check: verdict, what is wrong and where, digits by input and oracle, what was skipped."""
    diagnosis = (Text.assemble((label, "bold"), " ", shown(text)) for label, text in words.diagnosis(report))
    return Group(_headline(report), *diagnosis, _inputs(report), _caption(report), *_findings(report))


def _headline(report: Report) -> str:
    colour = COLOURS[words.kind(report)]
    verdict = report.verdict + (f": {escape(report.estimator)}" if report.estimator and report.right else "")
    return f"[bold]{escape(report.name)}[/]: [bold {colour}]{verdict}[/]  ({words.facts(report)})"


def _table() -> Table:
    return Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")


def _inputs(report: Report) -> Table:
    table = _table()
    table.add_column("gradient of", overflow="fold")
    table.add_column("shape", no_wrap=True)
    oracles = list(dict.fromkeys(o.oracle for i in report.inputs for o in i.oracles))
    for name in oracles:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("limit" if report.right else "verdict", no_wrap=report.right or not _any_directions(report))
    in_balls = any(i.limit_in_balls is not None for i in report.inputs)
    rows = _rows(report)
    for one in rows:
        by_name = {o.oracle: o for o in one.oracles}
        cells = [_digits(by_name[n]) if n in by_name else "" for n in oracles]
        if report.right:
            balls = f", {words.small(one.limit_in_balls)}" if in_balls else ""
            cells.append(words.small(one.limit_in_floats) + balls)
        else:
            style = "green" if one.right else f"bold {COLOURS[words.kind(one)]}"
            cells.append(f"[{style}]{'right' if one.right else words.verdict(one)}[/]")
        table.add_row(escape(one.name), words.shape(one), *cells)
    if len(rows) < len(report.inputs):
        table.add_row(f"and {len(report.inputs) - len(rows):,} more, all right")
    return table


def _rows(report: Report) -> list[InputReport]:
    """The inputs that are shown: all, up to MANY_ROWS. Of more, those that are not right and the first of the
    others."""
    if len(report.inputs) <= MANY_ROWS:
        return list(report.inputs)
    left = itertools.count()
    return [one for one in report.inputs if not one.right or next(left) < FEW_ROWS]


def _any_directions(report: Report) -> bool:
    return any(o.directions for i in report.inputs for o in i.oracles)


def _caption(report: Report) -> str:
    text = "digits that agree with each oracle"
    if report.right:
        in_balls = any(i.limit_in_balls is not None for i in report.inputs)
        kinds = ", ".join(dict.fromkeys(i.dtype for i in report.inputs)) + " and in balls" * in_balls
        text += f"; limit: a larger error in any single element would have been found, in {kinds}"
    return f"[dim italic]{text}[/]"


def _digits(oracle: OracleReport) -> str:
    text = words.digits(oracle.digits)
    return text if oracle.agrees else f"[red]{text}[/]"


def _findings(report: Report) -> Iterable[str]:
    for one in report.inputs:
        worst = words.worst(one)
        if worst is not None:
            yield escape(worst)
    for note in report.notes:
        yield f"[yellow]note:[/] {escape(note)}"
    for sentence in report.undecided:
        yield f"[yellow]not decided here:[/] {escape(sentence)}"
    zeros = words.zeros(report)
    if zeros is not None:
        yield f"[yellow]truly zero here:[/] {escape(zeros)}: the check cannot see a term that is missing there"
    if report.unchecked:
        yield f"[yellow]unchecked:[/] {escape(', '.join(report.unchecked))} (no gradient is claimed)"
    for why, names in words.skipped(report).items():
        yield f"[dim]oracles not used: {escape(', '.join(names))}: {escape(why)}[/]"
    if report.verdict == WRONG:
        yield f"[dim]seed {report.seed}; noise floor {escape(report.floor)}[/]"


def summary(reports: Iterable[Report]) -> Table:
    """One line per check, as `lstm-ref verify` prints it."""
    table, reports = _table(), list(reports)
    terms = any(report.symbolic for report in reports)
    for title, justify in (
        ("derivation", "left"),
        ("elements", "right"),
        ("balls", "right"),
        ("floats", "right"),
        *([("terms", "left")] if terms else []),
        ("verdict", "left"),
        ("gradients", "left"),
    ):
        last = title == "gradients"
        table.add_column(title, justify=justify, no_wrap=not last, max_width=WIDEST if last else None)  # type: ignore[arg-type]
    for report in reports:
        balls = report.digits_in_balls
        table.add_row(
            escape(report.name),
            str(report.elements),
            "-" if balls is None else f"{balls:.0f}",
            f"{report.digits_in_floats:.1f}",
            *([escape(words.terms(report))] if terms else []),
            f"[{'' if report.right else 'bold '}{COLOURS[words.kind(report)]}]{report.verdict}[/]",
            Text(
                shown(", ".join(dict.fromkeys(i.name.split(".")[0] for i in report.inputs))),
                no_wrap=True,
                overflow="ellipsis",
            ),
        )
    caption = "digits of agreement in balls and in floats"
    table.caption = f"{caption}; terms: proven for all values and sizes; kinks: away from them" if terms else caption
    for report in reports:
        if report.symbolic is not None and report.symbolic.startswith("no: "):
            table.caption += f"\n{escape(report.name)} is not proven as terms: {escape(report.symbolic[4:])}"
    table.caption_justify = "left"
    return table


def conclusion(kinds: Sequence[str], not_checked: int = 0) -> str:
    """One line on all checks, each right, wrong or undecided: how many are right, or how many are not."""
    found = {kind: kinds.count(kind) for kind in ("wrong", "undecided") if kind in kinds}
    parts = [f"{count} {kind}" for kind, count in found.items()] + [f"{not_checked} not checked"] * bool(not_checked)
    if not parts:
        return f"[bold green]{len(kinds)} right[/]"
    return f"[bold {COLOURS[next(iter(found), 'undecided')]}]of {len(kinds) + not_checked}: {', '.join(parts)}[/]"
