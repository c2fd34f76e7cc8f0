"""`lstm-ref check FILE[::NAME]`: prove or refute the user's own derivation."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lstm_ref.commands.options import checking_options


@click.command()
@click.argument("target", metavar="FILE[::NAME]")
@checking_options
def check(
    target: str,
    as_json: bool,
    digits: int,
    oracles: list[str] | None,
    seed: int,
    report_files: tuple[Path, ...],
    quiet: bool,
    no_color: bool,
) -> None:
    """Check the hand-written gradients of a derivation file.

    FILE is Python that defines `inputs` (a dict of named float arrays, or a function of a NumPy generator that returns
    one) and either loss(inputs) with gradients(inputs), or forward(inputs) with backward(inputs, cotangents), in NumPy
    or JAX. Gradients are a dict whose keys are a subset of the inputs'. Optional: `nodes`, a list of inputs that are
    zeros added at named values (then the first wrong one is named); `cell`, the name of a cell of this package, and
    `mapping`, a function from the inputs to that cell's arrays (then the mistake is looked up); `estimator` and
    `definition`, for what is not meant to be the exact gradient. NAME is a class in the file that holds these
    definitions.
    Exit code: 0 right, 1 wrong, 2 the check could not be made.
    """
    from lstm_ref.checking.check import check as run
    from lstm_ref.checking.derivation_file import load
    from lstm_ref.reporting.files import as_json as to_json
    from lstm_ref.reporting.files import write
    from lstm_ref.reporting.terminal import console, render

    reports = [run(p, oracles=oracles, digits=digits, seed=seed) for p in load(target, seed)]
    if as_json:
        click.echo(to_json(reports), nl=False)
    else:
        for report in reports:
            if quiet:
                click.echo(f"{report.name}: {report.verdict}")
            else:
                console(no_color).print(render(report))
    for path in report_files:
        write(path, reports)
    sys.exit(0 if all(r.right for r in reports) else 1)
