"""`lstm-ref vectors write` and `vectors check`: correct values in files, and comparison of results with them."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lstm_ref.interop.vectors.against import ArrayRow, Verdict


@click.group()
def vectors() -> None:
    """Conformance vectors: correct values of every cell and layer, in files that any language can read."""


@vectors.command(short_help="Write correct values to a folder.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1)
def write(folder: Path, names: tuple[str, ...]) -> None:
    """Write the vectors of all problems, or of the problems NAMES, to a folder.

    A problem is one step of a cell (cell/lstm), six steps through time (time/lstm), or a layer (layer/dense). Its
    vectors are inputs, cotangents, outputs, named values, their adjoints and gradients, evaluated in ball arithmetic
    and correctly rounded. An existing folder must be empty, or hold an unchanged set of vectors, which is replaced.
    """
    from rich.console import Console
    from rich.progress import track

    from lstm_ref.errors import BadInput, nearest
    from lstm_ref.interop.vectors import files
    from lstm_ref.interop.vectors.cases import cases
    from lstm_ref.interop.vectors.proven import proven

    started, every = time.perf_counter(), cases()
    for name in names:
        if name not in every:
            raise BadInput(f"no problem is called {name!r}{nearest(name, every, 'their names are as cell/lstm')}")
    files.require_writable(folder)
    chosen = [name for name in every if not names or name in names]
    hidden = not sys.stderr.isatty()
    shown = track(chosen, "proving", console=Console(stderr=True), transient=True, disable=hidden)
    size = files.write(folder, ((case, proven(case)) for case in (every[name]() for name in shown)))
    click.echo(f"wrote {len(chosen)} problems, {size} bytes, to {folder}: {time.perf_counter() - started:.1f} s")


@vectors.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--against",
    "results",
    required=True,
    type=click.Path(path_type=Path),
    metavar="RESULTS",
    help="Results: a folder with files as in DIR, or one safetensors file, with any of the outputs, nodes, adjoints, "
    "gradients under the same names.",
)
@click.option(
    "--problem", metavar="NAME", help="The problem that RESULTS belong to, where its path does not end in that name."
)
@click.option(
    "--ulps",
    type=click.FloatRange(0),
    metavar="N",
    help="Allow an error of N units in the last place, in place of the derived bound.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON on standard output.")
@click.option("--no-color", is_flag=True, help="No colours.")
def check(folder: Path, results: Path, problem: str | None, ulps: float | None, as_json: bool, no_color: bool) -> None:
    """Check results against the vectors in a folder.

    Prints for every array the largest error in units in the last place (ulps) of its dtype, the digits of agreement,
    and the worst element. Without --ulps, an element is right within what rounding may lose in its dtype. Exit
    code: 0 all right, 1 some wrong, 2 the check could not be made.

    \b
    The files and the bounds: https://lstm-ref.github.io/lstm_ref/docs/vectors.html
    """
    from lstm_ref.interop.vectors import files
    from lstm_ref.interop.vectors.against import against
    from lstm_ref.interop.vectors.against import results as arrays_of

    found = files.read(folder)
    verdicts = [against(found, name, arrays, ulps) for name, arrays in arrays_of(results, found, problem).items()]
    if as_json:
        right = all(v.right for v in verdicts)
        whole = {"generator": files.GENERATOR, "schema": files.SCHEMA, "right": right, "ulps": ulps}
        click.echo(json.dumps(whole | {"problems": [v.as_dict() for v in verdicts]}, indent=1, allow_nan=False))
    else:
        _show(verdicts, [name for name in found.problems if name not in {v.name for v in verdicts}], no_color)
    sys.exit(0 if all(v.right for v in verdicts) else 1)


# ---------------------------------------------------------------------------------------------------- presentation


def _show(verdicts: list[Verdict], without: list[str], no_color: bool) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from lstm_ref.reporting.terminal import console, escape

    out = console(no_color)
    for verdict in verdicts:
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
        for title in ("array", "dtype", "ulps", "digits", "verdict"):
            table.add_column(
                title, no_wrap=title != "array", justify="right" if title in ("ulps", "digits") else "left"
            )
        for row in verdict.rows:
            table.add_row(*_cells(row))
        word = "[bold green]right[/]" if verdict.right else "[bold red]wrong[/]"
        out.print(f"[bold]{escape(verdict.name)}[/]: {word}")
        for sentence in verdict.findings:
            out.print(f"[bold]Found:[/] {escape(sentence)}", soft_wrap=True)
        out.print(table)
        for row in verdict.rows:
            if not row.right:
                out.print(escape(f"{row.array}: {row.note or _worst(row)}"), soft_wrap=True)
        if verdict.missing:
            out.print(f"[yellow]not given:[/] {escape(', '.join(verdict.missing))}", soft_wrap=True)
    if without:
        out.print(f"[yellow]no results of:[/] {escape(', '.join(without))}", soft_wrap=True)
    wrong = sum(not v.right for v in verdicts)
    summary = f"[bold red]{wrong} of {len(verdicts)} wrong[/]" if wrong else f"[bold green]{len(verdicts)} right[/]"
    out.print(f"{summary}: {sum(len(v.rows) for v in verdicts)} arrays")


def _cells(row: ArrayRow) -> tuple[Any, ...]:
    from lstm_ref.reporting import words
    from lstm_ref.reporting.terminal import escape

    verdict = "[green]right[/]" if row.right else "[bold red]wrong[/]"
    if row.note:
        return escape(row.array), "", "", "", verdict
    ulps = f"{row.ulps:.0f}" if row.ulps < 1e6 else f"{row.ulps:.1e}"
    return escape(row.array), row.dtype, ulps, words.digits(row.digits), verdict


def _worst(row: ArrayRow) -> str:
    import numpy as np

    at = f" at [{', '.join(map(str, row.worst))}]" if row.worst else ""
    return f"{int(np.sum(row.wrong))} of {row.wrong.size} wrong; worst{at}: {row.given}, right is {row.expected}"
