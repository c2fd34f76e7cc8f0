"""The command `lstm-ref`. Exit codes: 0 right; 1 wrong; 2 undecided, or the command failed; 130 interrupted."""

from __future__ import annotations

import atexit
import codecs
import errno
import gc
import importlib
import io
import os
import sys
import traceback
from typing import Any

import click

from lstm_ref import site
from lstm_ref.commands.running import silence_stdout
from lstm_ref.errors import LstmRefError, defect, shown

COMMANDS = {
    "verify": "Prove the built-in hand-written gradients against every oracle.",
    "check": "Check the hand-written gradients of a derivation file.",
    "derive": "Derive the backward pass of a forward: the page, the code and its proof.",
    "train": "Train a model on text with hand-written gradients.",
    "predict": "Use a trained model: continue, classify, tag or translate texts.",
    "cells": "List the cells: parameters, state, paper, derivation page.",
    "show": "Print a cell's equations and its graph of values and adjoints, or an equation's derivation.",
    "exercise": "Learn by mending: a backward pass with a mistake, graded, with hints; worksheets.",
    "vectors": "Write correct values of every cell for other languages, and check results against them.",
    "conform": "Measure to how many digits torch, Keras, Flax … agree with this package.",
    "analyse": "Measure how far a gradient reaches: vanishing, and what padding costs.",
}


class _Lazy(click.Group):
    """Imports a command's module only when that command runs, so that `--help` answers at once."""

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
    """Carries a BrokenPipeError through click, which would otherwise exit with 1, the code of a wrong gradient."""


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]}, epilog=f"Documentation: {site.SITE}")
@click.version_option(None, "-V", "--version", package_name="lstm_ref")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def app(ctx: click.Context, debug: bool) -> None:
    """Every gradient of an LSTM, derived by hand and proven right; and the kit that proves yours.

    An error prints one line on standard error and exits with code 2. Exit code 1 means that a gradient or a result was
    checked and is wrong. An error that calls itself a defect is a bug in lstm_ref: please report it, with the output of
    `lstm-ref --debug …`.

    Completion of commands and options in bash is this line in ~/.bashrc (zsh: zsh_source for bash_source):

    \b
      eval "$(_LSTM_REF_COMPLETE=bash_source lstm-ref)"
    """
    ctx.ensure_object(dict)["debug"] = debug


def main() -> None:
    """Entry point. Every error prints one line on standard error, and never exits with the code of a wrong gradient."""
    if sys.stdout is None:  # closed by the shell; the next file opened would otherwise get descriptor 1
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    _show_whatever_can_be_encoded()
    _collect_garbage_seldom()
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
            name = "" if message.startswith("Usage: ") else "lstm-ref: "
            click.echo(name + _in_one_line(message), err=True)
        sys.exit(code)


def _told(error: BaseException) -> tuple[str, int]:
    """The message for an error, and the exit code."""
    if isinstance(error, (click.exceptions.Abort, KeyboardInterrupt)):
        return "interrupted", 130
    if isinstance(error, (BrokenPipeError, _ReaderGone)):
        return "", 141  # as in a shell: the reader closed the pipe because it has enough
    if isinstance(error, click.UsageError):
        if error.format_message().startswith("Usage: "):  # no command was given: the help
            return error.format_message(), 2
        where = f" ({error.ctx.command_path} --help shows the usage)" if error.ctx else ""
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


def _collect_garbage_seldom() -> None:
    """What is imported stays: to search it for garbage while it grows, and again at the end, takes a fifth of the time
    of a short check."""
    gc.set_threshold(100_000, 10, 10)
    atexit.register(gc.freeze)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)


def _show_whatever_can_be_encoded() -> None:
    """Writes characters that a stream's encoding lacks (non-ASCII, or a lone surrogate in a file name) as escapes, as
    JSON does."""
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
    """The message without control characters. Line breaks are kept only in click's usage text."""
    return "\n".join(map(shown, message.split("\n")))


if __name__ == "__main__":
    main()
