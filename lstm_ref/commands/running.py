"""The environment for a check of a user's file: where its prints go, how long it may take, what is shown meanwhile."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from lstm_ref.errors import BadInput, shown

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from lstm_ref.checking.report import Report

Say = Callable[[str], None]
"""Called with a sentence that says what is being done now."""


@contextmanager
def prints_to_stderr() -> Iterator[None]:
    """Redirects everything printed inside the block to standard error, by any language and any child process.

    Standard output is then only ours, so the output of `--json` is valid JSON.
    """
    _flush()
    saved = None
    with suppress(OSError):  # either stream may be closed
        saved = os.dup(1)
        os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _flush()
        if saved is not None:
            os.dup2(saved, 1)
            os.close(saved)


def _flush() -> None:
    """Flushes everything printed so far, by Python and by C."""
    for stream in (sys.stdout, sys.__stdout__, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()  # type: ignore[union-attr]
    with suppress(Exception):  # on a platform where the C library is not found this way
        ctypes.CDLL(None).fflush(None)


@contextmanager
def without_warnings() -> Iterator[None]:
    """Silences warnings in calls at inputs that we chose, which may overflow where the user's own inputs never do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def progress(hidden: bool) -> Iterator[Say]:
    """A status line on standard error, removed when the work is done; none where standard error is not a terminal."""
    if hidden or sys.stderr is None or not sys.stderr.isatty():
        yield lambda sentence: None
        return
    from rich.console import Console  # and nothing that loads JAX: the line should appear at once
    from rich.markup import escape

    with Console(stderr=True, emoji=False, highlight=False).status("") as status:
        yield lambda sentence: status.update(escape(shown(sentence)))


@contextmanager
def compiled_once() -> Iterator[None]:
    """JAX compiles a program once inside the block. Code that makes its functions anew in every call, as a backward
    pass makes the step of its scan, is otherwise compiled anew in every call. A cache of the user's own stays."""
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    where = "jax_compilation_cache_dir"
    with ExitStack() as stack:
        if getattr(jax.config, where) is None:
            with suppress(OSError):  # no folder for temporary files can be written
                folder = stack.enter_context(TemporaryDirectory(prefix="lstm_ref_", ignore_cleanup_errors=True))
                stack.callback(compilation_cache.reset_cache)
                settings = {where: folder, "jax_persistent_cache_min_compile_time_secs": 0}
                settings["jax_persistent_cache_min_entry_size_bytes"] = -1
                for name, value in settings.items():
                    stack.callback(jax.config.update, name, getattr(jax.config, name))
                    jax.config.update(name, value)
                compilation_cache.reset_cache()  # JAX asks only once whether there is a cache
        yield


# -------------------------------------------------------------------------------------------------------- --timeout


class Ended(BadInput):
    """The child process ended before its work was done: its time was up, or a signal ended it."""

    def __init__(self, why: str, kept: list[Any]) -> None:
        super().__init__(why)
        self.kept = kept
        """What the child had told to keep."""


Tell = Callable[..., None]
"""Tells the waiting process, if there is one: `tell("step", sentence)` what is being done now, `tell("keep", result)`
what stays if this process is ended, and `tell("done")` that only showing is left, which may take its time."""


def within(seconds: float | None) -> Tell:
    """Continues in a child process, which is killed when its time is up. Returns what the child tells its parent by.

    Nothing inside one process can end it reliably: a signal handler waits until C code returns, and the running code
    may catch an exception. The fork happens before any thread starts. The parent exits with the child's exit code, or
    raises Ended and then has the results that the child told. Raises BadInput where the system cannot fork.
    """
    if seconds is None:
        return lambda kind, value=None: None
    if not hasattr(os, "fork"):
        raise BadInput("--timeout needs a system that can fork a process")
    from multiprocessing import Pipe

    _flush()
    ear, mouth = Pipe(duplex=False)
    child = os.fork()
    if child:
        mouth.close()
        sys.exit(_wait_for(child, ear, seconds))
    ear.close()

    def tell(kind: str, value: Any = None) -> None:
        with suppress(OSError):  # the parent is gone
            # Pickled on its own, so that the parent, which watches the time, imports nothing to read it.
            mouth.send((kind, pickle.dumps(value)))

    return tell


def _wait_for(child: int, ear: Connection, seconds: float) -> int:
    """The child's exit code. Raises Ended when a signal ends it, or its time is up, with the last step that it told."""
    handlers = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),  # Ctrl-C also reaches the child, which handles it
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM)),
    }
    told: dict[str, list[bytes]] = {"step": [], "keep": [], "done": []}
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until or told["done"]:
            ended, status = os.waitpid(child, os.WNOHANG)
            _hear(ear, told)  # after the question, so that nothing is lost that it told at its end
            if ended:
                code = os.waitstatus_to_exitcode(status)
                if code < 0:
                    raise Ended(f"the check was ended by {signal.Signals(-code).name}", _read(told["keep"]))
                return code
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    doing = _read(told["step"][-1:] or [pickle.dumps("starting")])[0]
    why = f"not finished within {seconds:g} s (--timeout); the last step was: {doing}"
    raise Ended(why, _read(told["keep"]))


def _hear(ear: Connection, told: dict[str, list[bytes]]) -> None:
    """Waits a moment for what the child tells, and files it by its kind."""
    try:
        while ear.poll(0.01):
            kind, value = ear.recv()
            told[kind].append(value)
    except (EOFError, OSError):  # the child has closed its end
        time.sleep(0.01)


def _read(values: list[bytes]) -> list[Any]:
    return [pickle.loads(value) for value in values]


# ------------------------------------------------------------------------------------------------------- the results


@contextmanager
def printing() -> Iterator[None]:
    """Context for printing results. A reader that goes away, as `head` does, changes no verdict. Output that cannot be
    written is an error."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
    except OSError as error:
        silence_stdout()
        raise BadInput(f"standard output cannot be written: {error.strerror}") from error


def silence_stdout() -> None:
    """Discards what is still buffered; Python would otherwise complain about it at exit."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def exit_code(reports: Iterable[Report | Any]) -> int:
    """1 if any is wrong, else 2 if any is undecided, else 0."""
    codes = {report.exit_code for report in reports}
    return 1 if 1 in codes else max(codes, default=0)
