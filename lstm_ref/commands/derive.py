"""`lstm-ref derive FILE`: derive the backward pass of a forward, and prove it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lstm_ref.commands import running


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the page, the code in NumPy and in JAX, its test and the picture into this folder. Nothing is "
    "overwritten.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of random inputs.")
@click.option("--digits", type=click.IntRange(20, 1000), default=80, show_default=True, help="Digits of the proof.")
@click.option("--quiet", is_flag=True, help="Print the verdicts only.")
def derive(file: Path, into: Path | None, seed: int, digits: int, quiet: bool) -> None:
    """Derive the backward pass of the forward in FILE, term by term, and prove it.

    FILE is Python, in NumPy or JAX. It defines `inputs` (a dict of named float arrays, or a function of a NumPy
    generator that returns one) and `loss(inputs)` or `forward(inputs)`, with the loop through time in it; or
    `step(params, state, x)`, which returns the next state, with inputs of the keys params, state and xs. The derivation
    has the names and the layout of FILE: values are what its statements assign.

    Prints the derived NumPy code and its proof. With --into, the page derives every line with its reason.

    Exit code: 0 proven, 1 wrong (a defect of lstm_ref), 2 undecided, or FILE cannot be derived: one line says which of
    its lines and why.
    """
    with running.prints_to_stderr(), running.progress(quiet) as show:
        show(f"deriving {file}")
        from lstm_ref.deriving.derivation import derive as run
        from lstm_ref.deriving.derivation import write
        from lstm_ref.deriving.proof import prove
        from lstm_ref.errors import BadInput

        if into is not None and not into.is_dir():
            raise BadInput(f"{into}: no such folder")
        derivation = run(file, seed)
        written = write(derivation, into) if into is not None else []
        reports = []
        with running.without_warnings():
            for report in prove(file, derivation.forward.source, derivation.code, seed, digits):
                show(f"{report.name}: {report.verdict}")
                reports.append(report)

    from lstm_ref.reporting import words
    from lstm_ref.reporting.terminal import console, render

    with running.printing():
        if not quiet and into is None:
            click.echo(derivation.numpy)
        for path in written:
            click.echo(f"wrote {path}")
        for report in reports:
            if report.right:
                click.echo(f"{report.name}: {report.verdict}, {words.facts(report)}")
            else:
                console().print(render(report))
    sys.exit(running.exit_code(reports))
