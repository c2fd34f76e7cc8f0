"""`lstm-ref train MODEL`: train on text, with checkpoints from which it goes on with exactly the same numbers."""

from __future__ import annotations

import os
import signal
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lstm_ref.commands.settings import explicit, names_of, options_of
from lstm_ref.errors import BadInput
from lstm_ref.tasks import NAMES, task

if TYPE_CHECKING:
    from rich.console import Console

    from lstm_ref.training.settings import Settings
    from lstm_ref.training.task import Corpus, Scores, Task

INTERRUPTED = 130
"""Exit code after Ctrl-C, the shells' own."""

FILES = (
    click.option("--data", multiple=True, metavar="FILE", help="What to learn from; without it, what comes along."),
    click.option("--test", multiple=True, metavar="FILE", help="Scored once, at the end."),
    click.option("--steps", type=int, help="Updates, those before a --resume included. [default: by the model]"),
    click.option("--checkpoint", metavar="FILE", help="Save to it, at every validation and at the end or at Ctrl-C."),
    click.option("--resume", is_flag=True, help="Go on from --checkpoint, with its settings."),
    click.option("--curve", metavar="FILE", help="Note the loss of every step, as JSON lines."),
    click.option("--plot", metavar="FILE", help="Draw the curves, as .png or .svg."),
    click.option("--quiet", is_flag=True, help="Only the last scores."),
    click.option("--no-color", is_flag=True),
)


class _Models(click.Group):
    """A command a model, made when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _command(task(cmd_name)) if cmd_name in NAMES else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Models"):
            formatter.write_dl(list(NAMES.items()))


@click.group(cls=_Models)
def train() -> None:
    """Train a model on text."""


def _command(model: Task) -> click.Command:
    def run(**given: Any) -> None:
        _train(model, **given)

    for option in reversed((*FILES, *options_of(model.Settings), *options_of(model.Asking))):
        run = option(run)
    return click.command(model.name, help=NAMES[model.name])(run)


def _train(
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
) -> None:
    from time import perf_counter

    from rich.console import Console

    from lstm_ref.reporting.line_picture import require_new
    from lstm_ref.reporting.summary import counts
    from lstm_ref.training import checkpoint as checkpoints
    from lstm_ref.training import curve as curves
    from lstm_ref.training.run import initial_state, over, run
    from lstm_ref.training.settings import check, precision

    steps = steps if steps is not None else model.Settings.STEPS if data else model.Settings.STEPS_WITHOUT_DATA
    if steps < 1:
        raise BadInput(f"steps must be at least 1, got {steps}")
    if resume and checkpoint is None:
        raise BadInput("--resume needs --checkpoint, the file to go on from")
    for path, owner in ((checkpoint, "checkpoint"), (curve, "curve")):
        _require_place(path, owner, resume)
    if plot:
        require_new(Path(plot))
    asking = model.Asking(**{name: given[name] for name in names_of(model.Asking)})
    check(asking)
    saved = checkpoints.read(checkpoint, model) if resume and checkpoint else None
    settings = _settings(model, given, saved.settings if saved else None)
    corpus = model.prepare([Path(path) for path in data], settings)
    if saved and saved.digest != corpus.digest:
        raise BadInput(f"{checkpoint} was trained on other data: --resume goes on with the same data only")
    if saved and (saved.state.step >= steps or over(settings, saved.state)):
        early = ", stopped early" if saved.state.step < steps else ""
        raise BadInput(f"{checkpoint} stands at step {saved.state.step} already{early}: ask for more --steps than that")
    tests, bad = model.read([Path(path) for path in test], corpus.vocabularies, settings) if test else (None, [])
    _report_bad([*corpus.bad, *bad])
    console = Console(no_color=no_color, highlight=False, markup=False, soft_wrap=True)

    with (
        precision(settings),
        curves.curve(curve, saved.state.step if saved else 0) as (notes, note),
    ):
        start = saved.state if saved else initial_state(model, settings, corpus.vocabularies)
        if not quiet:
            console.print(corpus.about)
            parts = counts(start.params)
            console.print(
                f"{sum(parts.values()):,} parameters: " + ", ".join(f"{name} {n:,}" for name, n in parts.items())
            )
            _print_baselines(console, corpus, corpus.held_out, "held out")

        def save() -> None:
            if checkpoint:
                checkpoints.write(
                    checkpoint, model, checkpoints.Checkpoint(settings, corpus.vocabularies, corpus.digest, state)
                )

        def show() -> None:
            said = "" if quiet else model.show(state.params, corpus, settings, asking)
            if said:
                console.print("    " + said.replace("\n", "\n    ") + "\n")

        state, symbols, started = start, 0, perf_counter()
        scores: Scores | None = None
        with _stop_request() as stop, _progress(console, start.step, steps, quiet) as advance:
            for state, loss, of_step, scores in run(model, settings, corpus, start, steps):
                symbols += of_step
                advance(loss, symbols / (perf_counter() - started))
                note(step=state.step, loss=loss)
                if scores:
                    note(step=state.step, held_out=scores)
                    save()
                if stop():
                    break
                if scores and not quiet and state.step < steps:
                    console.print(f"step {state.step}: held-out {_words(scores)}")
                    show()
            if not stop() and state.goal is None:
                scores = model.score(state.params, corpus.held_out, settings)
                state = state._replace(goal=model.goal(scores))
            save()
        if stop():
            kept = f"saved to {checkpoint}, --resume goes on" if checkpoint else "nothing is saved without --checkpoint"
            click.echo(f"Stopped at step {state.step}: {kept}.", err=True)
            click.get_current_context().exit(INTERRUPTED)
        seconds = perf_counter() - started
        early = ", stopped early" if state.step < steps else ""
        speed = f"{seconds:.1f} s, {symbols / seconds:,.0f} symbols/s"
        console.print(f"step {state.step}{early}: held-out {_words(scores or {})}; {speed}")
        show()
        if state.best and state.chosen is not state.params:
            of_best = model.score(state.best.params, corpus.held_out, settings)
            console.print(f"best, at step {state.best.step}: held-out {_words(of_best)}")
        if tests is not None:
            console.print(f"test: {_words(model.score(state.chosen, tests, settings))}")
            _print_baselines(console, corpus, tests, "test")
        if plot:
            curves.plot(notes, Path(plot), model.name)


# ------------------------------------------------------------------------------------------------------ what to do


def _settings(model: Task, given: dict[str, Any], saved: Settings | None) -> Settings:
    """The settings of the command line; or the checkpoint's, which the command line must not contradict."""
    from lstm_ref.training.settings import check

    said = explicit(names_of(model.Settings), given)
    rate = model.Settings.RATES[said.get("optimizer", model.Settings.optimizer)]
    settings = model.Settings(**({"learning_rate": rate} | said))
    check(settings)
    for name, value in said.items():
        if saved and getattr(saved, name) != value:
            raise BadInput(
                f"{name.replace('_', ' ')} {value} contradicts the checkpoint's {getattr(saved, name)}: "
                "--resume goes on with the settings of its run"
            )
    return saved or settings


def _require_place(path: str | None, owner: str, resume: bool) -> None:
    """BadInput where a file cannot be made, or where one stands that this run has no leave to replace."""
    if path is None:
        return
    if Path(path).exists() and not resume:
        more = "give another path, or --resume to go on from it" if owner == "checkpoint" else "give another path"
        raise BadInput(f"{path} exists already, and a {owner} is never overwritten by a new run: {more}")
    if not os.access(Path(path).parent, os.W_OK):
        raise BadInput(f"cannot write the {owner} {path}: {Path(path).parent} is not a folder that can be written")


# ----------------------------------------------------------------------------------------------- what it looks like


def _words(scores: Scores) -> str:
    return ", ".join(f"{k} {v:.4f}" if k == "loss" else f"{k} {v:.1%}" for k, v in scores.items())


def _print_baselines(console: Console, corpus: Corpus, examples: Any, which: str) -> None:
    for name, scores in corpus.baselines(examples).items():
        console.print(f"to beat, {which}: {name}: {_words(scores)}")


def _report_bad(bad: list[Any]) -> None:
    """Every line that was left out, those of one reason together."""
    lines = defaultdict(list)
    for one in bad:
        lines[one.path, one.why].append(one.line)
    for (path, why), numbers in lines.items():
        said = f"line {numbers[0]}" if len(numbers) == 1 else f"lines {', '.join(map(str, numbers))}"
        click.echo(f"left out: {path}, {said}: {why}", err=True)
    if bad:
        click.echo(f"{len(bad)} bad row{'s' if len(bad) > 1 else ''} in all", err=True)


@contextmanager
def _progress(console: Console, step: int, steps: int, quiet: bool) -> Iterator[Callable[[float, float], None]]:
    """A function of each step's loss and the speed, that moves the bar; without a terminal there is no bar."""
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


# ------------------------------------------------------------------------------------------------ the world outside


@contextmanager
def _stop_request() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed: the step in hand is finished first. A second Ctrl-C is as rude as ever."""
    pressed: list[int] = []

    def on_signal(number: int, frame: Any) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, before)

    if threading.current_thread() is not threading.main_thread():  # where Python allows no handlers
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)
