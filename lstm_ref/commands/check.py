"""`lstm-ref check FILE[::NAME]`: prove or refute the user's own derivation, as code or as written formulas."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from lstm_ref.commands import running
from lstm_ref.commands.options import checking_options
from lstm_ref.errors import BadInput, shown


@click.command()
@click.argument("target", metavar="FILE[::NAME]")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Give up after this time, with exit code 2 and a message that names the step it was in.",
)
@checking_options
def check(
    target: str,
    timeout: float | None,
    as_json: bool,
    digits: int,
    oracles: list[str] | None,
    seed: int,
    report_files: tuple[Path, ...],
    quiet: bool,
    no_color: bool,
) -> None:
    """Check the hand-written gradients of a derivation file.

    FILE is Python, in NumPy or JAX. It defines `inputs` (a dict of named float arrays, or a function of a NumPy
    generator that returns one), and either loss(inputs) with gradients(inputs), or forward(inputs) with
    backward(inputs, cotangents). Gradients are a dict whose keys are a subset of the inputs' keys. NAME is a class in
    the file that holds these definitions. Optional definitions:

    `nodes`, a list of inputs that are zeros added at named values: the report then names the first wrong one.

    `cell`, the name of a cell of this package, and `mapping`, a function from the inputs to that cell's arrays: the
    mistake is then looked up in the dictionary of mistakes.

    `estimator` and `definition`, for a claim that is not meant to be the exact gradient.

    A FILE in Markdown or LaTeX (.md, .tex) is a written derivation: displayed equations of a forward pass, and the
    lines of its backward pass. Each line is evaluated and is right, or wrong with what should stand there.

    What the file prints goes to standard error. Exit code: 0 right, 1 wrong, 2 undecided, or the check could not be
    made. Ctrl-C during the search for the cause of a wrong gradient keeps the verdict.
    """
    say = running.within(timeout)
    say("loading lstm_ref")
    if Path(target).suffix in _WRITTEN:
        if oracles is not None or report_files:
            raise BadInput(f"{target} is a written derivation: --oracles and --report are for code")
        sys.exit(_check_written(Path(target), seed, as_json, quiet, no_color))
    with running.prints_to_stderr(), running.progress(quiet) as show:
        reports = _reports(target, lambda text: (say(text), show(text)), oracles=oracles, digits=digits, seed=seed)

    from lstm_ref.reporting.files import as_json as to_json
    from lstm_ref.reporting.files import write
    from lstm_ref.reporting.terminal import console, render

    with running.printing():
        if as_json:
            click.echo(to_json(reports), nl=False)
        else:
            for report in reports:
                if quiet:
                    click.echo(f"{shown(report.name)}: {report.verdict}")
                else:
                    console(no_color).print(render(report))
    for path in report_files:
        write(path, reports)
    sys.exit(running.exit_code(reports))


_WRITTEN = (".md", ".tex")
"""Suffixes of written derivations."""


def _check_written(path: Path, seed: int, as_json: bool, quiet: bool, no_color: bool) -> int:
    """Prints the report on a written derivation; returns the exit code."""
    from lstm_ref.reporting.terminal import console
    from lstm_ref.reporting.written import render
    from lstm_ref.written import check_file

    with running.progress(quiet) as show:
        show(f"checking {path}")
        report = check_file(path, seed)
    with running.printing():
        if as_json:
            click.echo(json.dumps(report.as_dict(), indent=2))
        elif quiet:
            click.echo(f"{shown(report.name)}: {report.verdict}")
        else:
            console(no_color).print(render(report), soft_wrap=True)  # a formula stays one line
    return report.exit_code


def _reports(target: str, say: Any, *, seed: int, **options: Any) -> list[Any]:
    """A report on each problem of the file. `say` is called with the current activity."""
    say(f"reading {target}")
    from lstm_ref.checking.checker import check as run
    from lstm_ref.checking.files.derivation_file import load, naming_lines

    found = []
    for problem in load(target, seed):
        stages = partial(lambda name, stage: say(f"{name}: {stage}"), problem.name)
        with naming_lines(target), running.without_warnings():
            found.append(run(problem, seed=seed, progress=stages, **options))
    return found
