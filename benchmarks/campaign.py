"""A long run of many small tasks: over processes here or on any executor, resumable, with progress.

A task is a tuple of plain values, and its verdict is plain JSON. The function that answers is named by a text,
"benchmarks.mutation:judge_part", so that every worker finds it by importing it. Which tasks there are does not depend
on who answers them, and verdicts come in the order of the tasks: the result is the same whatever the number of workers.

The journal has a line of JSON for each verdict, with the task and the code that answered it. A run reads from it what
the same code has answered already, and asks the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import pkgutil
import platform
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import lstm_ref
from lstm_ref.errors import BadInput, LstmRefError
from lstm_ref.writing import write_whole

Task = tuple[Any, ...]
RENEWED = 200
"""Tasks of a process before a new one takes its place: what JAX compiles is kept, some 5 MB a task."""
QUIET = 30.0
"""Seconds between two lines of progress, where there is no terminal for a bar."""
ANSWERING = ("jax", "jaxlib", "numpy", "python-flint", "torch", "chex")
"""Packages on which verdicts depend."""


# ------------------------------------------------------------------------------------------------------- workers


class Workers(NamedTuple):
    """Who answers the tasks."""

    open: Callable[[], AbstractContextManager[Executor]]
    batch: int | None
    """Number of tasks after which they are opened anew; None for never."""


def of_this_machine(number: int) -> Workers:
    """Processes of this machine; one worker is a thread of this process."""
    if number == 1:
        return Workers(partial(ThreadPoolExecutor, 1), None)
    # The option max_tasks_per_child of the pool itself deadlocks in Python 3.11 to 3.13 (cpython issue 115634).
    pool = partial(ProcessPoolExecutor, number, get_context("spawn"), _end_with_parent)
    return Workers(pool, RENEWED * number)


def _end_with_parent() -> None:
    """Runs in a new process: leave when the campaign was killed, which otherwise would be waited for for ever."""

    def wait() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@contextmanager
def of_executor(name: str) -> Iterator[Workers]:
    """The workers behind what "module:factory" gives: an executor, or a context manager of one.

    Raises:
        BadInput: The name leads nowhere, or to something that takes no tasks.
    """
    expected = f"--executor {name}: expected module:factory, where factory() gives an executor"
    try:
        factory = pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadInput(f"{expected}; {error}") from None
    if not callable(factory):
        raise BadInput(f"{expected}, got {type(factory).__name__}")
    made = factory()
    with made if hasattr(made, "__enter__") else nullcontext(made) as executor:
        if not hasattr(executor, "submit"):
            raise BadInput(f"{expected}, got {type(executor).__name__}, which has no submit")
        yield Workers(lambda: nullcontext(executor), None)


_ONE_AT_A_TIME = threading.Lock()
"""Within a process: checks set the state of NumPy and JAX, and threads of one worker would share it."""


def _answer(work: str, task: Task) -> tuple[str, Any]:
    """Runs on a worker: its code, and its verdict on the task."""
    with _ONE_AT_A_TIME:
        return code(), pkgutil.resolve_name(work)(*task)


# ------------------------------------------------------------------------------------------------------- journal


@cache
def code() -> str:
    """Twelve hexadecimal digits of all that a verdict depends on: our sources, and the versions of what they import."""
    seen = hashlib.sha256(platform.python_version().encode())
    for folder in (Path(lstm_ref.__file__).parent, Path(__file__).parent):
        for file in sorted(folder.rglob("*.py")):
            seen.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes() + b"\0")
    for name in ANSWERING:
        try:
            seen.update(f"{name} {version(name)}\n".encode())
        except PackageNotFoundError:
            seen.update(f"{name} absent\n".encode())
    return seen.hexdigest()[:12]


@cache
def commit() -> str:
    """The commit that is checked out, for readers of a journal; "-dirty" after it where files were changed."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


class Journal:
    """Verdicts of a campaign in a file of lines of JSON, which several campaigns and commits may share."""

    def __init__(self, path: Path, campaign: str) -> None:
        self.path, self._about = path, {"campaign": campaign, "code": code()}

    def read(self) -> dict[Task, Any]:
        """The verdicts that this code has given in this campaign, by task. Raises BadInput if it is no journal."""
        if not self.path.exists():
            return {}
        try:
            *lines, last = self.path.read_text(encoding="utf-8").split("\n")
            entries = [json.loads(line) for line in lines if line]
        except (OSError, ValueError) as error:
            raise BadInput(f"--journal {self.path}: cannot be read: {error}") from None
        if last:  # a run was killed while it wrote: that verdict is lost
            write_whole(self.path, "".join(f"{line}\n" for line in lines).encode())
        if not all(isinstance(entry, dict) and {"task", "verdict", *self._about} <= set(entry) for entry in entries):
            raise BadInput(f"--journal {self.path}: is no journal of a campaign")
        mine = (entry for entry in entries if self._about.items() <= entry.items())
        return {tuple(entry["task"]): entry["verdict"] for entry in mine}

    def add(self, task: Task, verdict: Any) -> None:
        """Append a verdict, as one write. Raises BadInput if it cannot be written."""
        line = json.dumps(self._about | {"commit": commit(), "task": task, "verdict": verdict}) + "\n"
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                os.write(file, line.encode())
            finally:
                os.close(file)
        except OSError as error:
            raise BadInput(f"--journal {self.path}: cannot be written: {error.strerror}") from None


# ------------------------------------------------------------------------------------------------------ progress


@contextmanager
def _progress(campaign: str, total: int, done: int) -> Iterator[Callable[[], None]]:
    """What to call after every verdict: a bar on standard error or, where that is no terminal, a line now and then."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
        with Progress(TextColumn("{task.description}"), *columns, console=console, transient=True) as bar:
            one = bar.add_task(campaign, total=total, completed=done)
            yield lambda: bar.advance(one)
        return
    started = said = time.monotonic()
    count = done
    if done:
        click.echo(f"{campaign}: {done} of {total} are in the journal", err=True)

    def advance() -> None:
        nonlocal count, said
        count, now = count + 1, time.monotonic()
        if now - said >= QUIET or count == total:
            said, taken = now, now - started
            left = taken / (count - done) * (total - count)
            click.echo(f"{campaign}: {count} of {total}, {taken:.0f} s, about {left:.0f} s left", err=True)

    yield advance


# ------------------------------------------------------------------------------------------------------- the run


class Campaign(NamedTuple):
    """How tasks are answered: by which workers, and with which journal."""

    workers: Workers
    journal: Path | None = None

    def verdicts(self, name: str, work: str, tasks: Sequence[Task]) -> Iterator[Any]:
        """The verdict on each task, in the order of the tasks, each as soon as those before it are there.

        Args:
            name: What is asked, with every setting that changes a verdict; the journal knows it by this.
            work: "module:function", called with the values of a task.
            tasks: No two the same.

        Raises:
            BadInput: A worker died, or has other code; or the journal cannot be used.
        """
        journal = Journal(self.journal, name) if self.journal else None
        known = journal.read() if journal else {}
        found = {task: known[task] for task in tasks if task in known}
        answers = self._answers(work, [task for task in tasks if task not in found])
        with _progress(name, len(tasks), len(found)) as advance:
            for task in tasks:
                while task not in found:
                    answered, verdict = next(answers)
                    found[answered] = verdict
                    if journal:
                        journal.add(answered, verdict)
                    advance()
                yield found.pop(task)

    def _answers(self, work: str, tasks: Sequence[Task]) -> Iterator[tuple[Task, Any]]:
        """Tasks with their verdicts, as they come."""
        batch = self.workers.batch or len(tasks) or 1
        for first in range(0, len(tasks), batch):
            with self.workers.open() as executor:
                futures = {executor.submit(_answer, work, task): task for task in tasks[first : first + batch]}
                try:
                    for future in as_completed(futures):
                        task = futures.pop(future)
                        yield task, _verdict(future, task)
                finally:
                    for future in futures:
                        future.cancel()


def _verdict(future: Any, task: Task) -> Any:
    try:
        theirs, verdict = future.result()
    except BrokenExecutor:
        raise BadInput(f"a worker died, perhaps at the task {task}; --journal keeps what was answered before") from None
    except Exception as error:
        error.add_note(f"at the task {task}")
        raise
    if theirs != code():
        raise BadInput(f"a worker has other code ({theirs}) than this process ({code()}): sources, Python or packages")
    return verdict


# ------------------------------------------------------------------------------------------------------- options


class _Refused(click.ClickException):
    exit_code = 2


class Command(click.Command):
    """A command that says every expected error in one line, exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        try:
            return super().invoke(ctx)
        except LstmRefError as error:
            raise _Refused(str(error)) from None


def options(command: Any) -> Any:
    """The options of a campaign: --workers, --executor, --journal."""
    for option in (
        click.option(
            "--journal",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Keep every verdict in this file, and take from it what the same code has answered before.",
        ),
        click.option(
            "--executor",
            metavar="MODULE:FACTORY",
            help="In the place of --workers: factory() gives a concurrent.futures executor (Dask's, MPI's, …).",
        ),
        click.option(
            "--workers", default=1, show_default=True, type=click.IntRange(1), help="Number of processes here."
        ),
    ):
        command = option(command)
    return command


@contextmanager
def campaign(workers: int, executor: str | None, journal: Path | None) -> Iterator[Campaign]:
    """The campaign that the options ask for. Raises BadInput."""
    if executor is None:
        yield Campaign(of_this_machine(workers), journal)
        return
    if workers != 1:
        raise BadInput("--workers are processes here, and --executor has workers of its own: give one of the two")
    with of_executor(executor) as those:
        yield Campaign(those, journal)
