"""The command `lstm-ref`. Exit codes: 0 right, 1 wrong, 2 it could not be done, 130 interrupted."""

from __future__ import annotations

import importlib
import sys

import click

from lstm_ref.errors import LstmRefError

COMMANDS = {
    "verify": "Prove the built-in hand-written gradients against every oracle.",
    "check": "Check the hand-written gradients of a derivation file.",
    "train": "Train a model on text with hand-written gradients.",
    "predict": "Ask a trained model: text, classes, tags, translations.",
    "cells": "List the cells: parameters, state, paper, derivation page.",
    "show": "Print a cell's equations and draw its graph, values above and adjoints below.",
    "vectors": "Write right values of every cell for any language, and check results against them.",
    "conform": "Measure how many digits of torch's, Keras's, Flax's … outputs and gradients are ours.",
    "analyse": "Measure how far a gradient reaches: vanishing, and what padding costs.",
}


class _Lazy(click.Group):
    """Loads a command's module when the command is asked for, so that `--help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"lstm_ref.commands.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lstm_ref")
def app() -> None:
    """Every gradient of an LSTM, derived by hand and proven right; and the kit that proves yours."""


def main() -> None:
    """Entry point: every expected error is one line on standard error."""
    try:
        sys.exit(app(standalone_mode=False))
    except click.exceptions.Abort:
        _leave("interrupted", 130)
    except KeyboardInterrupt:
        _leave("interrupted", 130)
    except click.UsageError as error:
        where = f" ({error.ctx.command_path} --help tells more)" if error.ctx else ""
        _leave(f"{error.format_message()}{where}", 2)
    except click.ClickException as error:
        _leave(error.format_message(), 2)
    except MemoryError:
        _leave("there is not enough memory for these sizes", 2)
    except LstmRefError as error:
        _leave(str(error), 2)


def _leave(message: str, code: int) -> None:
    click.echo(f"lstm-ref: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
