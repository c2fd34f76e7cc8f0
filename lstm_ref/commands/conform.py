"""`lstm-ref conform`: to how many digits the frameworks' outputs and gradients, or those of a file, agree with this
package."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from lstm_ref.interop.compare import Comparison
    from lstm_ref.interop.conform.table import Framework, Run

DTYPES = ("float64", "float32")
COLUMNS = 7
"""Frameworks beside each other in one table."""
DEFINITION = (
    "digits: -log10 of the largest error relative to the largest element of an array; the least over outputs, final "
    "states and all gradients (parameters in the framework's own layout, inputs, initial states); at most what the "
    "dtype holds; float64 / float32"
)


@click.command()
@click.argument("targets", nargs=-1, metavar="[FRAMEWORK | FILE]...")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON on standard output.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of all numbers.")
@click.option("--quiet", is_flag=True, help="Print one line: the verdict.")
@click.option("--no-color", is_flag=True, help="No colours.")
def conform(targets: tuple[str, ...], as_json: bool, seed: int, quiet: bool, no_color: bool) -> None:
    """Measure to how many digits the frameworks' outputs and gradients agree with this package.

    FRAMEWORK is any of torch, keras, flax, equinox, haiku, onnxruntime, jax.experimental.rnn, keras-tensorflow,
    keras-torch, tensorflow, sonnet, paddle, mindspore, mlx, tinygrad, openvino, xlstm, dynet, autograd, pytensor;
    default: all. A framework that is not installed is skipped, with a line that says how to install it.

    FILE is Python (.py). It defines `layout` (a name or words) and `run`, `forward` or `module`; besides, any of
    `cell`, `autodiff`, `layers`, `both`, `zero_state`, `dtypes`, `sizes`: the arguments of `lstm_ref.compare`. Where it
    is wrong, the mistake is looked up in the dictionary of mistakes. What it prints goes to standard error.

    Exit code: 0 all agree as far as their arithmetic allows, 1 some do not, 2 the comparison could not be made.
    """
    from lstm_ref.checking.checker import environment
    from lstm_ref.commands.running import progress
    from lstm_ref.interop.conform.table import as_dict, chosen, measured
    from lstm_ref.reporting.terminal import console, escape

    files = [target for target in targets if target.endswith(".py")]
    if files:
        _of_files(files, [target for target in targets if target not in files], as_json, seed, quiet, no_color)
    out = console(no_color)
    with progress(quiet) as say:
        found = [measured(name, seed, say) for name in chosen(targets)]
    compared = [one for one in found if one.runs]
    wrong, failed = (sum(len(getattr(one, what)) for one in found) for what in ("wrong", "failed"))
    if as_json:
        click.echo(json.dumps(as_dict(found, seed, environment()), ensure_ascii=False, allow_nan=False, indent=1))
    else:
        if compared and not quiet:
            out.width = max(out.width, _width(min(len(compared), COLUMNS)))
            for first in range(0, len(compared), COLUMNS):
                out.print(_table(compared[first : first + COLUMNS]), end="\n\n" if len(compared) > COLUMNS else "\n")
            out.print(f"[dim italic]{DEFINITION}[/]", soft_wrap=True)
        for colour, line in _lines(found, environment()["jax"], quiet):
            out.print(f"[{colour}]{escape(line)}[/]" if colour else escape(line), soft_wrap=True)
        versions = ", ".join(f"{one.name} {one.version}" for one in compared)
        runs = sum(len(one.runs) for one in compared)
        verdict = f"[bold green]{runs} comparisons agree[/]"
        if wrong or failed or not runs:
            verdict = f"[bold red]{wrong} of {runs} comparisons wrong, {failed} could not be made[/]"
        out.print(f"{verdict}: {versions or 'no framework is installed'}; seed {seed}", soft_wrap=True)
    sys.exit(1 if wrong else 2 if failed or not compared else 0)


def _of_files(files: list[str], others: list[str], as_json: bool, seed: int, quiet: bool, no_color: bool) -> None:
    """Compares the layers of the user's files, and ends."""
    from lstm_ref.checking.checker import environment
    from lstm_ref.commands.running import printing, prints_to_stderr, progress
    from lstm_ref.errors import BadInput, shown
    from lstm_ref.interop.compare_file import compare_file
    from lstm_ref.reporting.terminal import console, escape

    if others:
        raise BadInput(f"files and frameworks are compared by themselves, got {', '.join((*files, *others))}")
    found: dict[str, Comparison] = {}
    errors: dict[str, str] = {}
    with prints_to_stderr(), progress(quiet) as say:
        for file in files:
            say(f"comparing {file}")
            try:
                found[file] = compare_file(file, seed)
            except BadInput as error:
                if len(files) == 1:
                    raise
                errors[file] = str(error)
    for why in errors.values():
        click.echo(f"lstm-ref: {shown(why)}", err=True)
    with printing():
        if as_json:
            comparisons = [one.as_dict() for one in found.values()]
            data = {"seed": seed, "environment": environment(), "comparisons": comparisons, "errors": errors}
            click.echo(json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1))
        else:
            for file, one in found.items():
                _print(console(no_color), escape, f"{file}: ", one, quiet)
    sys.exit(1 if not all(one.agrees for one in found.values()) else 2 if errors else 0)


def _print(out: Any, escape: Any, start: str, one: Comparison, quiet: bool) -> None:
    verdict, *rest = one.lines()
    out.print(f"[bold {'green' if one.agrees else 'red'}]{escape(start + verdict)}[/]", soft_wrap=True)
    for line in [] if quiet else rest:
        out.print(f"[red]{escape(line)}[/]" if "WRONG" in line else escape(line), soft_wrap=True)


def _width(columns: int) -> int:
    return 44 + 16 * columns


def _table(found: list[Framework]) -> Table:
    """One row per feature, one column per framework."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from lstm_ref.interop.conform.features import FEATURES

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("feature", no_wrap=True)
    for one in found:
        only = "" if one.gradients else "\nforward only"
        table.add_column(f"{one.name.replace('.rnn', chr(10) + '.rnn')}\n{one.version}{only}", justify="right")
    for feature in FEATURES:
        table.add_row(feature, *(_cell(one, feature) for one in found))
    return table


def _cell(one: Framework, feature: str) -> str:
    if not any(one.of(feature, dtype) for dtype in DTYPES):
        return "-"
    return " / ".join(_number(one.of(feature, dtype)) for dtype in DTYPES)


def _number(runs: list[Run]) -> str:
    """The fewest digits over all layouts of the feature."""
    if not runs:
        return "-"
    if any(run.failed for run in runs):
        return "[red]failed[/]"
    text = f"{min(run.digits for run in runs):.1f}"
    return text if all(run.agrees for run in runs) else f"[bold red]{text} WRONG[/]"


def _lines(found: list[Framework], jax: str, quiet: bool) -> Iterator[tuple[str, str]]:
    """(colour, line) pairs: first what is wrong, then what each framework lacks, and its traps."""
    for one in found:
        for run in one.wrong:
            where = f"{one.name} {one.version}, {run.feature}, {run.layout}, {run.dtype}"
            worst = run.worst
            numbers = worst.says or f"{worst.digits:.1f} digits agree, at least {worst.bound:.1f} are required"
            yield "red", f"wrong: {where}: {worst.array}: {numbers}"
            if run.uncompiled is not None:
                blame = f"the mistake is that of jax {jax}'s compiler"
                yield "", f"  without jit (jax.disable_jit) {run.uncompiled:.1f} agree: {blame}"
        for run in one.failed:
            yield "red", f"failed: {one.name} {one.version}, {run.feature}, {run.layout}, {run.dtype}: {run.failed}"
        if one.unusable:
            yield "yellow", f"{one.name}: {one.unusable}"
    if quiet:
        return
    for one in (one for one in found if one.runs):
        yield "bold", f"{one.name} {one.version}"
        if one.without:
            yield "", f"  {one.without}"
        why: dict[str, list[str]] = {}
        for feature, reason in one.lacks:
            why.setdefault(reason, []).append(feature)
        for reason, features in why.items():
            yield "", f"  lacks {'; '.join(features)}: {reason}"
        for trap in one.traps:
            yield "", f"  trap: {trap}"
