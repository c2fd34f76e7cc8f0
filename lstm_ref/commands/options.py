"""Options that the checking commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

ORACLE_NAMES = ("balls", "complex", "reverse", "trace", "forward", "differences", "torch")


def _oracles(_: click.Context, __: click.Parameter, value: str | None) -> list[str] | None:
    if value is None:
        return None
    names = [name.strip() for name in value.split(",")]
    for name in names:
        if name not in ORACLE_NAMES:
            raise click.BadParameter(f"unknown oracle {name!r}: the oracles are {', '.join(ORACLE_NAMES)}")
    return names


def _reports(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[Path, ...]:
    from lstm_ref.reporting.files import require_writable

    for value in values:
        require_writable(Path(value))
    return tuple(map(Path, values))


def checking_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--json, --digits, --oracles, --seed, --report, --quiet, --no-color."""
    options = (
        click.option("--json", "as_json", is_flag=True, help="Print the reports as JSON on standard output."),
        click.option(
            "--digits",
            type=click.IntRange(20, 1000),
            default=80,
            show_default=True,
            help="Decimal digits of ball arithmetic.",
        ),
        click.option(
            "--oracles",
            callback=_oracles,
            metavar="NAME,…",
            help=f"Use only these oracles, from {', '.join(ORACLE_NAMES)}. Default: all that apply.",
        ),
        click.option(
            "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of random inputs and cotangents."
        ),
        click.option(
            "--report",
            "report_files",
            multiple=True,
            callback=_reports,
            metavar="FILE",
            help="Also write the reports to a file: .html (one page), .json, .xml (JUnit). An earlier report is "
            "replaced; any other existing file is an error. May be given several times.",
        ),
        click.option("--quiet", is_flag=True, help="Print one line: the verdict."),
        click.option("--no-color", is_flag=True, help="No colours."),
    )
    for option in reversed(options):
        command = option(command)
    return command
