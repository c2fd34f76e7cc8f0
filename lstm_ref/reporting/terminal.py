"""A report in the terminal: tables by rich, sentences by hand. It computes nothing."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table

from lstm_ref.checking.report import WRONG, OracleReport, Report
from lstm_ref.reporting import words


def console(no_color: bool = False) -> Console:
    """Standard output. Without rich's emoji, which would turn the `:100:` of a source line into a picture."""
    return Console(no_color=no_color, emoji=False, highlight=False)


def as_text(report: Report, width: int = 110) -> str:
    """The report as plain text."""
    text = io.StringIO()
    Console(width=width, color_system=None, emoji=False, highlight=False, file=text).print(render(report))
    return text.getvalue()


def render(report: Report) -> RenderableType:
    """One check, whole: verdict, what is wrong and where, digits by input and oracle, what was skipped."""
    return Group(_headline(report), *_diagnosis(report), _inputs(report), *_findings(report))


def _headline(report: Report) -> str:
    colour = "green" if report.right else "red"
    verdict = report.verdict + (f": {escape(report.estimator)}" if report.estimator and report.right else "")
    return f"[bold]{escape(report.name)}[/]: [bold {colour}]{verdict}[/]  ({words.facts(report)})"


def _diagnosis(report: Report) -> Iterable[str]:
    for finding in report.findings:
        where = f" [dim]({escape(words.where(finding))})[/]" if words.where(finding) else ""
        yield f"[bold]{words.title(finding)}[/] {escape(finding.sentence)}{where}"
        if finding.right is not None:
            yield escape(f"  derived  {finding.right}")
            yield escape(f"  found    {finding.wrong}")
    first = words.first_wrong(report)
    if first is not None:
        yield f"[bold]first wrong on the way back:[/] {escape(first)}"
    if report.conformance is not None:
        yield f"[bold]forward:[/] {escape(report.conformance.sentence)}"


def _inputs(report: Report) -> Table:
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("gradient of")
    table.add_column("shape")
    oracles = list(dict.fromkeys(o.oracle for i in report.inputs for o in i.oracles))
    for name in oracles:
        table.add_column(name, justify="right")
    table.add_column("verdict")
    if report.right:
        table.add_column(f"limit in {report.inputs[0].dtype}" if report.inputs else "limit", justify="right")
        table.add_column("in balls", justify="right")
    for one in report.inputs:
        by_name = {o.oracle: o for o in one.oracles}
        cells = [_digits(by_name[n]) if n in by_name else "" for n in oracles]
        colour = "green" if one.right else "bold red"
        cells.append(f"[{colour}]{words.verdict(one)}[/]")
        if report.right:
            cells += [words.small(one.limit_in_floats), words.small(one.limit_in_balls)]
        table.add_row(escape(one.name), "×".join(map(str, one.shape)) or "scalar", *cells)
    table.caption = "digits that agree with each oracle" + (
        "; limit: an error of this part of any one element would have been caught" if report.right else ""
    )
    table.caption_justify = "left"
    return table


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
    if report.unchecked:
        yield f"[yellow]unchecked:[/] {escape(', '.join(report.unchecked))} (no gradient is claimed)"
    for oracle, why in report.skipped:
        yield f"[dim]not asked: {escape(oracle)}: {escape(why)}[/]"
    if report.verdict == WRONG:
        yield f"[dim]seed {report.seed}; noise floor {report.floor}[/]"


def summary(reports: Iterable[Report]) -> Table:
    """One line a check, as `lstm-ref verify` prints it."""
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for title, justify in (
        ("derivation", "left"),
        ("gradients", "left"),
        ("elements", "right"),
        ("digits in balls", "right"),
        ("in float64", "right"),
        ("seconds", "right"),
        ("verdict", "left"),
    ):
        table.add_column(title, justify=justify, no_wrap=title == "derivation")  # type: ignore[arg-type]
    for report in reports:
        balls = report.digits_in_balls
        table.add_row(
            report.name,
            ", ".join(dict.fromkeys(i.name.split(".")[0] for i in report.inputs)),
            str(report.elements),
            "-" if balls is None else f"{balls:.0f}",
            f"{report.digits_in_floats:.1f}",
            f"{report.seconds:.1f}",
            f"[green]{report.verdict}[/]" if report.right else f"[bold red]{report.verdict}[/]",
        )
    return table
