"""`lstm-ref verify`: prove every built-in derivation."""

from __future__ import annotations

import sys
from typing import Any

import click

from lstm_ref.commands.options import checking_options


@click.command()
@click.argument("names", nargs=-1)
@checking_options
def verify(
    names: tuple[str, ...],
    as_json: bool,
    digits: int,
    oracles: list[str] | None,
    seed: int,
    quiet: bool,
    no_color: bool,
) -> None:
    """Prove the built-in hand-written gradients against every oracle.

    NAMES select derivations by any part of their name (lstm, layer/, time/rnn …); without them, all are proven.
    Exit code: 0 all right, 1 some wrong, 2 the check could not be made.
    """
    import numpy as np
    from rich.console import Console
    from rich.progress import track

    from lstm_ref.checking.builtin import problems
    from lstm_ref.checking.check import check
    from lstm_ref.commands.output import print_json
    from lstm_ref.errors import BadInput
    from lstm_ref.reporting.terminal import console, render, summary

    out = console(no_color)
    every = problems()
    chosen = [n for n in every if not names or any(part in n for part in names)]
    for part in names:
        if not any(part in n for n in every):
            raise BadInput(f"no derivation is called {part!r}; there are {', '.join(every)}")
    reports: list[Any] = []
    progress = Console(stderr=True, no_color=no_color)
    for name in track(
        chosen, "proving", console=progress, transient=True, disable=as_json or quiet or not sys.stderr.isatty()
    ):
        reports.append(check(every[name](np.random.default_rng(seed)), oracles=oracles, digits=digits, seed=seed))
    wrong = [r for r in reports if not r.right]
    if as_json:
        print_json(reports)
    else:
        if not quiet:
            out.print(summary(reports))
        for report in wrong:
            out.print(render(report))
        verdict = f"[bold green]{len(reports)} right[/]"
        if wrong:
            verdict = f"[bold red]{len(wrong)} of {len(reports)} wrong[/]"
        out.print(f"{verdict}: {sum(r.elements for r in reports)} gradient elements, {_seconds(reports):.1f} s")
    sys.exit(1 if wrong else 0)


def _seconds(reports: list[Any]) -> float:
    return float(sum(r.seconds for r in reports))
