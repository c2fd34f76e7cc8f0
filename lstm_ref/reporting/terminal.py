"""A report in the terminal: tables by rich, sentences by hand. It computes nothing."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table

from lstm_ref.checking.report import WRONG, InputReport, OracleReport, Report


def console(no_color: bool = False) -> Console:
    """Standard output. Without rich's emoji, which would turn the `:100:` of a source line into a picture."""
    return Console(no_color=no_color, emoji=False, highlight=False)


def as_text(report: Report, width: int = 110) -> str:
    """The report as plain text."""
    text = io.StringIO()
    Console(width=width, color_system=None, emoji=False, highlight=False, file=text).print(render(report))
    return text.getvalue()


def render(report: Report) -> RenderableType:
    """One check, whole: verdict, digits by input and oracle, where it is wrong, what was skipped."""
    parts: list[RenderableType] = [_headline(report), _inputs(report)]
    parts += _findings(report)
    return Group(*parts)


def _headline(report: Report) -> str:
    colour = "green" if report.right else "red"
    verdict = report.verdict + (f": {escape(report.estimator)}" if report.estimator and report.right else "")
    facts = f"{_digits_line(report)}, {report.seconds:.1f} s"
    return f"[bold]{escape(report.name)}[/]: [bold {colour}]{verdict}[/]  ({facts})"


def _digits_line(report: Report) -> str:
    balls = report.digits_in_balls
    agreeing = "equations not provable in balls" if balls is None else f"{balls:.0f} digits in balls"
    return f"{report.elements} elements, {agreeing}, {report.digits_in_floats:.1f} in floats"


def _inputs(report: Report) -> Table:
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("gradient of")
    table.add_column("shape")
    oracles = list(dict.fromkeys(o.oracle for i in report.inputs for o in i.oracles))
    for name in oracles:
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for one in report.inputs:
        by_name = {o.oracle: o for o in one.oracles}
        cells = [_digits(by_name[n]) if n in by_name else "" for n in oracles]
        table.add_row(escape(one.name), "×".join(map(str, one.shape)) or "scalar", *cells, _verdict(one))
    table.caption = "digits that agree with each oracle"
    table.caption_justify = "left"
    return table


def _digits(oracle: OracleReport) -> str:
    text = f"{oracle.digits:.1f}" if oracle.digits < 99 else f"{oracle.digits:.0f}"
    return text if oracle.agrees else f"[red]{text}[/]"


def _verdict(one: InputReport) -> str:
    if one.right:
        return "[green]right[/]"
    return f"[bold red]WRONG[/]: {one.wrong_elements} of {one.elements}" if one.wrong_elements else "[bold red]WRONG[/]"


def _findings(report: Report) -> Iterable[str]:
    if report.first_wrong is not None:
        first = report.first_wrong
        yield (
            f"[bold]first wrong on the way back:[/] the adjoint of [bold]{escape(first.node)}[/] at step {first.step} "
            f"of 0..{first.steps - 1}: all adjoints before it are right, so an edge that leaves this value is wrong"
        )
        if report.inherited:
            shown = ", ".join(report.inherited[:8]) + (", …" if len(report.inherited) > 8 else "")
            yield f"  inherited from it: {escape(shown)}"
    for one in report.inputs:
        if one.right:
            continue
        decider = next((o for o in one.oracles if not o.agrees and o.decides), None)
        if one.pattern:
            yield f"[red]{escape(one.name)}[/]: {one.pattern}"
        if decider is not None:
            at = f"[{', '.join(map(str, decider.worst))}]" if decider.worst else ""
            yield escape(
                f"  worst at {one.name}{at}: claimed {decider.claimed}, expected {decider.expected} "
                f"({decider.oracle}); error {decider.error:.2g}, allowed {decider.allowed:.2g}"
            )
    for note in report.notes:
        yield f"[yellow]note:[/] {escape(note)}"
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
