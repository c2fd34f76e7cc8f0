"""The environment for a check of a user's file: where its prints go, how long it may take, what is shown meanwhile."""

from __future__ import annotations

import ctypes
import os
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


def within(seconds: float | None) -> Say:
    """Continues in a child process, which is killed when its time is up. Returns a function that reports the current
    step.

    Nothing inside one process can end it reliably: a signal handler waits until C code returns, and the running code
    may catch an exception. The fork happens before any thread starts. Raises BadInput where the system cannot fork.
    """
    if seconds is None:
        return lambda sentence: None
    if not hasattr(os, "fork"):
        raise BadInput("--timeout needs a system that can fork a process")
    _flush()
    ear, mouth = os.pipe()
    child = os.fork()
    if child:
        os.close(mouth)
        sys.exit(_wait_for(child, ear, seconds))
    os.close(ear)
    os.set_blocking(mouth, False)

    def say(sentence: str) -> None:
        with suppress(OSError):  # the pipe is full, or the parent is gone
            os.write(mouth, f"{sentence}\n".encode(errors="replace"))

    return say


def _wait_for(child: int, ear: int, seconds: float) -> int:
    """The child's exit code. Raises BadInput when its time is up, with the last step that it reported."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C also reaches the child, which handles it
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    os.set_blocking(ear, False)
    said, until = b"", time.monotonic() + seconds
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            if code < 0:
                raise BadInput(f"the check was ended by {signal.Signals(-code).name}")
            return code
        said = _heard(ear, said)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    doing = _heard(ear, said).decode().strip().rpartition("\n")[2] or "starting"
    raise BadInput(f"not finished within {seconds:g} s (--timeout); the last step was: {doing}")


def _heard(ear: int, before: bytes) -> bytes:
    with suppress(BlockingIOError):
        return (before + os.read(ear, 65536))[-65536:]
    return before


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
