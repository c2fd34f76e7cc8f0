"""`lstm-ref train MODEL`: trains on text, with checkpoints from which a run resumes with exactly the same numbers."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from lstm_ref.commands.left_out import report_bad
from lstm_ref.commands.models import Models, explicit, names_of, options_of
from lstm_ref.errors import BadInput
from lstm_ref.tasks import NAMES, task

if TYPE_CHECKING:
    from rich.console import Console

    from lstm_ref.training.run import RunState
    from lstm_ref.training.settings import Settings
    from lstm_ref.training.task import Corpus, Scores, Task

STOPPED = 128
"""Exit code after a signal minus the signal's number, as in shells: 130 after Ctrl-C, 143 after SIGTERM."""

TOGETHER = 0.25
"""Signals within this many seconds count as one request to stop. `timeout`, a wrapper or a closing terminal sends two
within milliseconds; a person presses again later."""

FILES = (
    click.option("--data", multiple=True, metavar="FILE", help="Training data; default: the data in this package."),
    click.option("--test", multiple=True, metavar="FILE", help="Test data, scored once at the end."),
    click.option("--checkpoint", metavar="FILE", help="Save here at every validation, at the end, and when stopped."),
    click.option("--resume", is_flag=True, help="Continue from --checkpoint, with its settings."),
    click.option("--curve", metavar="FILE", help="Write the loss of every step, as JSON lines."),
    click.option("--plot", metavar="FILE", help="Draw the curves, as .png or .svg."),
    click.option("--quiet", is_flag=True, help="Print only the final scores."),
    click.option("--no-color", is_flag=True, help="No colours."),
)


@click.group(cls=Models, make=lambda name: _command(task(name)))
def train() -> None:
    """Train a model on text.

    Ctrl-C, SIGTERM and SIGHUP (unless nohup blocks it) stop the run after the current step. Everything is saved, and
    the exit code is 128 plus the signal's number. A second signal stops the run at once.
    """


def _command(model: Task) -> click.Command:
    def run(**given: Any) -> None:
        with _enough_memory():
            _run(_ready(model, **given))

    usual = f"{model.Settings.STEPS}; without --data {model.Settings.STEPS_WITHOUT_DATA}"
    steps = click.option("--steps", type=int, help=f"Total updates, counted from the first run. [default: {usual}]")
    for option in reversed((*FILES, steps, *options_of(model.Settings), *options_of(model.Asking))):
        run = option(run)
    return click.command(model.name, help=NAMES[model.name])(run)


class _Job(NamedTuple):
    """A run whose options and files have all been checked."""

    model: Task
    settings: Settings
    asking: Any
    corpus: Corpus
    tests: Any
    """Data in the form of the corpus's held-out data, or None."""
    saved: RunState | None
    """The state that the run continues from."""
    steps: int
    checkpoint: str | None
    curve: str | None
    plot: Path | None
    quiet: bool
    console: Console

    def save(self, state: RunState) -> None:
        """Saves the state to the checkpoint, if there is one."""
        from lstm_ref.training.checkpoint import Checkpoint, write

        if self.checkpoint:
            run = Checkpoint(self.settings, self.corpus.vocabularies, self.corpus.digest, state)
            write(self.checkpoint, self.model, run)

    def save_on_the_way(self, state: RunState) -> None:
        """As `save`, but a failure does not stop the run: there may be room again at the next validation."""
        try:
            self.save(state)
        except BadInput as error:
            _tell(f"{error}; the run continues, and tries again at the next validation")

    def score(self, params: Any, examples: Any) -> Scores:
        """The scores of the parameters on held-out data."""
        return self.model.score(params, examples, self.settings)

    def show(self, state: RunState) -> None:
        """Prints what the model can do at this point."""
        said = "" if self.quiet else self.model.show(state.params, self.corpus, self.settings, self.asking)
        if said:
            self.console.print("    " + said.replace("\n", "\n    ") + "\n")


def _run(job: _Job) -> None:
    from time import perf_counter

    from lstm_ref.training.curve import curve, plot
    from lstm_ref.training.run import initial_state, run, validated
    from lstm_ref.training.settings import precision

    model, settings, corpus, console = job.model, job.settings, job.corpus, job.console
    with precision(settings), curve(job.curve, job.saved.step if job.saved else 0, _tell) as (notes, note):
        state = start = job.saved or initial_state(model, settings, corpus.vocabularies)
        if not job.quiet:
            _introduce(job, start)
        symbols, started = 0, perf_counter()
        scores: Scores | None = None
        with _stop_request() as stop:
            try:
                with _progress(console, start.step, job.steps, job.quiet) as advance:
                    for state, loss, of_step, scores in run(model, settings, corpus, start, job.steps):
                        symbols += of_step
                        note(step=state.step, loss=loss)
                        if scores:
                            note(step=state.step, held_out=scores)
                            job.save_on_the_way(state)
                        if stop():
                            break
                        advance(loss, symbols / (perf_counter() - started))
                        if scores and not job.quiet and state.step < job.steps:
                            console.print(f"step {state.step}: held-out {_words(scores)}")
                            job.show(state)
                over = state.step == job.steps or not stop()
                if over and state.goal is None:
                    scores = validated(model, settings, corpus, state)
                    state = state._replace(goal=model.goal(scores))
            except BadInput:  # the loss is no longer finite: not worth saving
                raise
            except Exception:  # the reader of the output is gone, memory ran out, …
                if not stop():
                    if state.step > start.step:
                        job.save(state)
                    raise
                over = False
            job.save(state)
        if not over:
            kept = "nothing is saved without --checkpoint"
            if job.checkpoint:
                kept = f"saved to {job.checkpoint}; --resume continues from there"
            _tell(f"Stopped at step {state.step}: {kept}.")
            click.get_current_context().exit(STOPPED + stop())
        _conclude(job, state, scores or {}, symbols, perf_counter() - started)
        if job.plot:
            plot(notes, job.plot, model.name)


# --------------------------------------------------------------------------------------------------------- preparation


def _ready(
    model: Task,
    data: tuple[str, ...],
    test: tuple[str, ...],
    steps: int | None,
    checkpoint: str | None,
    resume: bool,
    curve: str | None,
    plot: str | None,
    quiet: bool,
    no_color: bool,
    **given: Any,
) -> _Job:
    """Raises BadInput for everything that is known to fail, before anything is written."""
    from lstm_ref.reporting.line_picture import require_new
    from lstm_ref.reporting.terminal import console as standard_output
    from lstm_ref.training.alone import alone
    from lstm_ref.training.checkpoint import read
    from lstm_ref.training.run import over
    from lstm_ref.training.settings import check
    from lstm_ref.writing import target

    if steps is None:
        steps = model.Settings.STEPS if data else model.Settings.STEPS_WITHOUT_DATA
    if steps < 1:
        raise BadInput(f"steps must be at least 1, got {steps}")
    if resume and checkpoint is None:
        raise BadInput("--resume needs --checkpoint, the file to go on from")
    written = [(path, owner) for path, owner in ((checkpoint, "checkpoint"), (curve, "curve")) if path is not None]
    for path, _ in written:
        target(path)
    _require_different("--data", data)
    _require_different("--test", test)
    _require_different("--checkpoint, --curve and --plot", [path for path in (checkpoint, curve, plot) if path])
    if plot:
        require_new(Path(plot))
    for path, owner in written:
        click.get_current_context().with_resource(alone(path))
        _require_new(path, owner, resume)
    asking = model.Asking(**{name: given[name] for name in names_of(model.Asking)})
    check(asking)
    saved = read(checkpoint, model) if resume and checkpoint else None
    settings = _settings(model, given, saved.settings if saved else None)
    corpus = model.prepare([Path(path) for path in data], settings)
    if saved and saved.digest != corpus.digest:
        raise BadInput(f"{checkpoint} was trained on other data: --resume needs the same data")
    if saved and over(settings, saved.state):
        raise BadInput(
            f"{checkpoint} was stopped early at step {saved.state.step}: its --patience ends the training there"
        )
    if saved and saved.state.step >= steps:
        raise BadInput(f"{checkpoint} is already at step {saved.state.step}: give a larger --steps")
    tests, bad = model.read([Path(path) for path in test], corpus.vocabularies, settings) if test else (None, [])
    report_bad([*corpus.bad, *bad])
    console = standard_output(no_color, markup=False, soft_wrap=True)
    return _Job(
        *(model, settings, asking, corpus, tests, saved.state if saved else None),
        *(steps, checkpoint, curve, Path(plot) if plot else None, quiet, console),
    )


def _settings(model: Task, given: dict[str, Any], saved: Settings | None) -> Settings:
    """The settings of the command line, or those of the checkpoint, which the command line must not contradict."""
    from lstm_ref.training.settings import check

    said = explicit(names_of(model.Settings), given)
    rate = model.Settings.RATES[said.get("optimizer", model.Settings.optimizer)]
    settings = model.Settings(**({"learning_rate": rate} | said))
    check(settings)
    for name, value in said.items():
        if saved and getattr(saved, name) != value:
            raise BadInput(
                f"{name.replace('_', ' ')} {value} contradicts the checkpoint's {getattr(saved, name)}: "
                "--resume uses the checkpoint's settings"
            )
    return saved or settings


def _require_new(path: str, owner: str, resume: bool) -> None:
    """Raises BadInput where a file exists that this run may not replace."""
    if Path(path).exists() and not resume:
        more = "give another path, or --resume to continue from it" if owner == "checkpoint" else "give another path"
        raise BadInput(f"{path} exists already, and a {owner} is never overwritten by a new run: {more}")


def _require_different(owner: str, paths: Sequence[str]) -> None:
    """Raises BadInput where two paths are the same file: the same examples would be both trained on and held out."""
    seen: set[Path] = set()
    for path in paths:
        if Path(path).resolve() in seen:
            raise BadInput(f"{owner} must be different files, and {path} is given twice")
        seen.add(Path(path).resolve())


# --------------------------------------------------------------------------------------------------------- output


def _words(scores: Scores) -> str:
    return ", ".join(f"{k} {v:.4f}" if k == "loss" else f"{k} {v:.1%}" for k, v in scores.items())


def _introduce(job: _Job, start: RunState) -> None:
    """Prints the data, the parameters, and the scores of simpler models."""
    from lstm_ref.reporting.summary import counts

    job.console.print(job.corpus.about)
    parts = counts(start.params)
    said = ", ".join(f"{name} {n:,}" for name, n in parts.items())
    job.console.print(f"{sum(parts.values()):,} parameters: {said}")
    _print_baselines(job, job.corpus.held_out, "held out")


def _conclude(job: _Job, state: RunState, scores: Scores, symbols: int, seconds: float) -> None:
    """Prints the last scores, the best scores and the test scores."""
    early = ", stopped early" if state.step < job.steps else ""
    speed = f"{seconds:.1f} s, {symbols / seconds:,.0f} symbols/s"
    job.console.print(f"step {state.step}{early}: held-out {_words(scores)}; {speed}")
    job.show(state)
    if state.best and state.chosen is not state.params:
        of_best = job.score(state.best.params, job.corpus.held_out)
        job.console.print(f"best, at step {state.best.step}: held-out {_words(of_best)}")
    if job.tests is not None:
        job.console.print(f"test: {_words(job.score(state.chosen, job.tests))}")
        _print_baselines(job, job.tests, "test")


def _print_baselines(job: _Job, examples: Any, which: str) -> None:
    for name, scores in job.corpus.baselines(examples).items():
        job.console.print(f"to beat, {which}: {name}: {_words(scores)}")


@contextmanager
def _progress(console: Console, step: int, steps: int, quiet: bool) -> Iterator[Callable[[float, float], None]]:
    """A function of each step's loss and speed that moves the progress bar; without a terminal there is no bar."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TextColumn("{task.fields[speed]:,.0f} symbols/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("", total=steps, completed=step, loss=float("nan"), speed=0.0)
        yield lambda loss, speed: bar.update(task, advance=1, loss=loss, speed=speed)


# ------------------------------------------------------------------------------------------------ the environment


def _tell(message: str) -> None:
    """Prints one line on standard error. If that is closed too, prints nothing, now and at exit: the run is worth
    more."""
    try:
        click.echo(message, err=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())


@contextmanager
def _enough_memory() -> Iterator[None]:
    """Turns running out of memory, in NumPy or JAX, into an error of one line."""
    try:
        yield
    except MemoryError:
        raise BadInput("there is not enough memory for these sizes") from None
    except RuntimeError as error:  # JAX's; naming its own class would need an import
        if "RESOURCE_EXHAUSTED" in str(error):
            raise BadInput("there is not enough memory for these sizes") from None
        raise


@contextmanager
def _stop_request() -> Iterator[Callable[[], int]]:
    """The signal that asked the run to stop, or 0. The current step is finished first; a second signal acts as usual.

    Signals that are ignored (by nohup, or by a shell for its background jobs) stay ignored.
    """
    caught: list[tuple[int, float]] = []

    def on_signal(number: int, frame: Any) -> None:
        caught.append((number, monotonic()))
        if caught[-1][1] - caught[0][1] > TOGETHER:
            restore()
            signal.raise_signal(number)

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    if threading.current_thread() is not threading.main_thread():  # Python allows no handlers outside the main thread
        yield lambda: 0
        return
    asking = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {
        number: handler for number in asking if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None)
    }
    for number in before:
        signal.signal(number, on_signal)
    try:
        yield lambda: caught[0][0] if caught else 0
    finally:
        restore()
