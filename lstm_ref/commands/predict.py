"""`lstm-ref predict MODEL`: applies a trained model to texts."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from lstm_ref.commands.models import Models, options_of
from lstm_ref.errors import BadInput
from lstm_ref.tasks import NAMES, task

OPTIONS = (
    click.option("--checkpoint", required=True, metavar="FILE", help="A checkpoint saved by `lstm-ref train`."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object per text."),
    click.argument("texts", nargs=-1),
)


@click.group(cls=Models, make=lambda name: _command(name))
def predict() -> None:
    """Apply a trained model to texts: continuations, classes, tags, translations."""


def _texts(arguments: tuple[str, ...]) -> list[str]:
    """The arguments, or the lines of standard input."""
    try:
        given = list(arguments) or [line.rstrip("\r\n") for line in sys.stdin]
        "".join(given).encode()
    except UnicodeError:
        raise BadInput("the texts are not UTF-8") from None
    if not given:
        raise BadInput("there is no text: give texts as arguments, or lines on standard input")
    return given


def _command(name: str) -> click.Command:
    model = task(name)

    def run(checkpoint: str, as_json: bool, texts: tuple[str, ...], **asked: Any) -> None:
        from lstm_ref.training import checkpoint as checkpoints
        from lstm_ref.training.settings import check, precision

        asking = model.Asking(**asked)
        check(asking)
        saved = checkpoints.read(checkpoint, model)
        given = _texts(texts)
        for number, text in enumerate(given, start=1):
            if not text or (name != "char-lm" and not text.strip()):
                raise BadInput(f"text {number} of {len(given)} is empty")
        with precision(saved.settings):
            found = model.predict(saved.state.chosen, saved.vocabularies, saved.settings, asking, given)
        for one in found:
            click.echo(json.dumps(one.data, ensure_ascii=False) if as_json else one.line)

    for option in reversed((*OPTIONS, *options_of(model.Asking))):
        run = option(run)
    says = (
        f"{NAMES[name]}\n\nTEXTS are the arguments (put -- before them if one begins with -), or the lines of standard "
        "input. The model uses the parameters of its best validation."
    )
    return click.command(name, help=says)(run)
