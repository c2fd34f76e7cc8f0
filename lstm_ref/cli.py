"""The command `lstm-ref`. Exit codes: 0 right, 1 wrong, 2 undecided, or it could not be done, 130 interrupted."""

from __future__ import annotations

import codecs
import errno
import importlib
import io
import os
import sys
import traceback
from typing import Any

import click

from lstm_ref.commands.running import silence_stdout
from lstm_ref.errors import LstmRefError, defect, shown

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

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGone from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


class _ReaderGone(Exception):
    """A BrokenPipeError on its way through click, which would make it the exit code of a wrong gradient."""


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lstm_ref")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def app(ctx: click.Context, debug: bool) -> None:
    """Every gradient of an LSTM, derived by hand and proven right; and the kit that proves yours.

    An error is one line on standard error, and the exit code 2; 1 is what was checked and is wrong. An error that
    calls itself a defect is ours: please report it, with what `lstm-ref --debug …` shows.
    """
    ctx.ensure_object(dict)["debug"] = debug


def main() -> None:
    """Entry point: every error is one line on standard error, never the exit code of a wrong gradient."""
    if sys.stdout is None:  # closed by the shell; else the next file that is opened would take its number
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    _show_whatever_can_be_encoded()
    flags: dict[str, bool] = {}
    try:
        code = app(standalone_mode=False, obj=flags)
        sys.stdout.flush()
        sys.exit(code)
    except SystemExit:
        raise
    except BaseException as error:
        if flags.get("debug"):
            traceback.print_exc()
        if isinstance(error, (OSError, _ReaderGone)):
            silence_stdout()
        message, code = _told(error)
        if message:
            click.echo(f"lstm-ref: {_in_one_line(message)}", err=True)
        sys.exit(code)


def _told(error: BaseException) -> tuple[str, int]:
    """What is said of an error, and the exit code."""
    if isinstance(error, (click.exceptions.Abort, KeyboardInterrupt)):
        return "interrupted", 130
    if isinstance(error, (BrokenPipeError, _ReaderGone)):
        return "", 141  # as a shell says it: the reader has gone, and has what it wanted
    if isinstance(error, click.UsageError):
        where = f" ({error.ctx.command_path} --help tells more)" if error.ctx else ""
        return f"{error.format_message()}{where}", 2
    if isinstance(error, click.ClickException):
        return error.format_message(), 2
    if isinstance(error, MemoryError):
        return "there is not enough memory for these sizes", 2
    if isinstance(error, LstmRefError):
        return str(error), 2
    if isinstance(error, OSError) and error.filename is None and error.errno in _FULL:
        return f"standard output cannot be written: {error.strerror}", 2
    return defect(error), 2


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)


def _show_whatever_can_be_encoded() -> None:
    """Characters that the encoding of a stream lacks, ASCII's or a lone surrogate in a file's name, become escapes, as
    JSON writes them."""
    codecs.register_error("lstm_ref.escaped", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="lstm_ref.escaped")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[k : k + 4]}" for k in range(0, len(units), 4)), error.end


def _in_one_line(message: str) -> str:
    """Without what a terminal would obey; a usage's lines, which are ours, stay lines."""
    return "\n".join(map(shown, message.split("\n")))


if __name__ == "__main__":
    main()
