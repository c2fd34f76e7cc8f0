"""`lstm-ref exercise`: a backward pass to mend, graded with hints; and derivation pages as worksheets."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import click

from lstm_ref.errors import BadInput

HINTS = ("symptom", "place", "term")
SEEDS = 10_000
"""A seed that nobody names is drawn below this: short enough to pass on."""


@click.command()
@click.argument("what", metavar="[CELL|FILE|PAGE]", default="lstm")
@click.option("--level", type=click.IntRange(1, 3), default=1, show_default=True, help="How hard the exercise is.")
@click.option("--seed", type=click.IntRange(0), help="Choose the mistake; default: a new one every time.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write. Default: exercise_CELL.py.")
@click.option("--hint", type=click.Choice(HINTS), help="Of a FILE: what shows; in which line; what is wrong there.")
@click.option("--worksheet", is_flag=True, help="Print a derivation PAGE with its backward equations left blank.")
def exercise(what: str, level: int, seed: int | None, out: Path | None, hint: str | None, worksheet: bool) -> None:
    """Learn by mending: a backward pass with a mistake, graded, with hints.

    With a CELL (lstm, gru, rnn_tanh …), writes a Python file with that cell's forward and backward pass. A mistake of
    the dictionary is in the backward pass: at level 1 one term is missing, doubled, or has the wrong sign; at level 2
    one factor, derivative or value is the wrong one; at level 3 two things are wrong, in two lines. The file does not
    tell which.

    With that FILE, after mending it: says whether it is right, and no more. Exit code: 0 right, 1 not yet right, 2 it
    could not be graded. --hint symptom says which gradients are wrong, --hint place which equations to look at, --hint
    term what is wrong there. Hints are found from the file as it is now.

    With a PAGE (a derivation page by its name: lstm, bptt, crf …) and --worksheet: the page as Markdown, with boxes in
    place of the right sides of its backward equations, and its code left open at the same places.
    """
    if worksheet:
        _print_worksheet(what, out)
    elif what.endswith(".py"):
        sys.exit(_grade(Path(what), hint))
    elif hint:
        raise BadInput(f"--hint is for the file of an exercise (.py), got {what}")
    else:
        _set(what, level, secrets.randbelow(SEEDS) if seed is None else seed, out)


def _set(cell: str, level: int, seed: int, out: Path | None) -> None:
    from lstm_ref.teaching.exercise import Exercise, text
    from lstm_ref.writing import write_new

    path = out or Path(f"exercise_{cell}.py")
    written = text(Exercise(cell, level, seed))
    write_new(path, written.encode())
    click.echo(f"wrote {path}: mend its backward pass, then: lstm-ref exercise {path}")


def _grade(path: Path, hint: str | None) -> int:
    from lstm_ref.teaching.grade import HINTS, grade

    graded = grade(path)
    if graded.right:
        digits = graded.report.digits_in_balls
        click.echo(f"Right, to {digits:.0f} digits." if digits is not None else "Right.")
        return 0
    click.echo("Not yet right.")
    if hint:
        click.echo("\n".join(HINTS[hint](graded)))
    else:
        click.echo(f"A hint, if you want one: lstm-ref exercise {path} --hint symptom, then place, then term.")
    return 1


def _print_worksheet(page: str, out: Path | None) -> None:
    from lstm_ref.teaching.worksheet import worksheet
    from lstm_ref.writing import write_new

    text = worksheet(page)
    if out is None:
        click.echo(text, nl=False)
        return
    write_new(out, text.encode())
    click.echo(f"wrote {out}")
