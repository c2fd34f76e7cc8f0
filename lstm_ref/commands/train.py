"""`lstm-ref train`: train a model on text, with checkpoints from which it goes on with exactly the same numbers."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lstm_ref.errors import BadInput

if TYPE_CHECKING:
    from rich.console import Console

    from lstm_ref.models.training import Data, Settings, State

STEPS = 3000
STEPS_ON_THE_STORY = 150
"""Its 4,000 characters are soon known by heart; about here the held-out loss is at its least, by measurement."""

SAMPLE_LENGTH = 200
INTERRUPTED = 130
"""Exit code after Ctrl-C, the shells' own."""


@click.group()
def train() -> None:
    """Train a model on text."""


@train.command("char-lm")
@click.option("--text", type=click.Path(), help="UTF-8 text to learn from; without it, a short story that comes along.")
@click.option("--hidden", type=int, default=128, show_default=True, help="Size of the hidden state.")
@click.option("--steps", type=int, help="Updates, those before a --resume included. [default: 3000; the story 150]")
@click.option("--sequence", type=int, default=64, show_default=True, help="Characters in a sequence.")
@click.option("--batch", type=int, default=32, show_default=True, help="Sequences in a batch.")
@click.option("--optimizer", type=click.Choice(["sgd", "momentum", "adam"]), default="adam", show_default=True)
@click.option("--learning-rate", type=float, help="[default: sgd 8, momentum 1, adam 0.01]")
@click.option("--clip-value", type=float, help="Clip every element of the gradient to ±this, after accumulation.")
@click.option("--clip-norm", type=float, help="Clip the norm of the whole gradient to this, likewise. [default: 1.0]")
@click.option("--gradients", type=click.Choice(["hand", "autodiff"]), default="hand", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides parameters, batches and samples.")
@click.option("--checkpoint", type=click.Path(), help="File to save to, at every sample and at the end or at Ctrl-C.")
@click.option("--resume", is_flag=True, help="Go on from --checkpoint, with its settings.")
@click.option("--sample-every", type=int, default=500, show_default=True, help="In steps; 0: at the end alone.")
@click.option("--seed-text", help="What samples start from. [default: a line end]")
@click.option("--temperature", type=float, default=0.7, show_default=True, help="Of samples; 1 is the model as it is.")
@click.option("--float64", is_flag=True, help="Compute in float64.")
@click.option("--curve", type=click.Path(), help="File for the loss of every step, as JSON lines.")
@click.option("--quiet", is_flag=True, help="Only the last line.")
@click.option("--no-color", is_flag=True)
def char_lm(
    text: str | None,
    steps: int | None,
    checkpoint: str | None,
    resume: bool,
    sample_every: int,
    seed_text: str | None,
    temperature: float,
    curve: str | None,
    quiet: bool,
    no_color: bool,
    **given: Any,
) -> None:
    """The character model: predict the next character of a text with an LSTM.

    The last tenth of the text is held out. Reported are its loss per character, in nats, beside the entropy of its
    character frequencies (what a model without memory needs at the least), and the share of characters that are
    predicted right.
    """
    from time import perf_counter

    from rich.console import Console

    from lstm_ref.models import checkpoint as checkpoints
    from lstm_ref.models import training
    from lstm_ref.models.char_lm import check_sampling
    from lstm_ref.models.curve import curve as noted
    from lstm_ref.models.text import read_text

    if steps is None:
        steps = STEPS if text else STEPS_ON_THE_STORY
    if steps < 1:
        raise BadInput(f"steps must be at least 1, got {steps}")
    if sample_every < 0:
        raise BadInput(f"sample-every must not be negative, got {sample_every}")
    if resume and checkpoint is None:
        raise BadInput("--resume needs --checkpoint, the file to go on from")
    for path, owner in ((checkpoint, "checkpoint"), (curve, "curve")):
        _require_place(path, owner, resume)
    saved = checkpoints.read(checkpoint) if resume and checkpoint else None
    settings = _settings(given, saved.settings if saved else None)
    data = training.prepare(read_text(text), settings.sequence)
    if saved and saved.digest != data.digest:
        raise BadInput(f"{checkpoint} was trained on another text: --resume goes on with the same text only")
    if saved and saved.state.step >= steps:
        raise BadInput(f"{checkpoint} stands at step {saved.state.step} already: ask for more --steps than that")
    prompt = seed_text if seed_text is not None else ("\n" if "\n" in data.characters else data.characters[0])
    check_sampling(data.characters, prompt, SAMPLE_LENGTH, temperature)
    console = Console(no_color=no_color, highlight=False, markup=False, soft_wrap=True)

    def save(state: State) -> None:
        if checkpoint:
            checkpoints.write(checkpoint, checkpoints.Checkpoint(settings, data.characters, data.digest, state))

    with training.precision(settings), ExitStack() as stack:
        start = saved.state if saved else training.initial_state(settings, len(data.characters))
        note = stack.enter_context(noted(curve, start.step)) if curve else None
        state, started = start, perf_counter()
        with _stop_request() as stop, _progress(console, settings, start.step, steps, quiet) as advance:
            for state, loss in training.run(settings, data, start, steps):
                advance(loss)
                if note:
                    note(state.step, loss)
                if stop():
                    break
                if sample_every and state.step % sample_every == 0 and state.step < steps:
                    save(state)
                    if not quiet:
                        console.print(_report(settings, data, state))
                        console.print(_sample(settings, data, state, prompt, temperature))
            save(state)
        if stop():
            kept = f"saved to {checkpoint}, --resume goes on" if checkpoint else "nothing is saved without --checkpoint"
            click.echo(f"Stopped at step {state.step}: {kept}.", err=True)
            click.get_current_context().exit(INTERRUPTED)
        seconds = perf_counter() - started
        speed = (state.step - start.step) * settings.sequence * settings.batch / seconds
        console.print(f"{_report(settings, data, state)}; {seconds:.1f} s, {speed:,.0f} characters/s")
        if not quiet:
            console.print(_sample(settings, data, state, prompt, temperature))


# ------------------------------------------------------------------------------------------------------ what to do


def _settings(given: dict[str, Any], saved: Settings | None) -> Settings:
    """The settings of the command line; or the checkpoint's, which the command line must not contradict."""
    from lstm_ref.models.training import LEARNING_RATES, Settings, check

    explicit = {
        name: value
        for name, value in given.items()
        if click.get_current_context().get_parameter_source(name) != click.core.ParameterSource.DEFAULT
    }
    value, norm = explicit.pop("clip_value", None), explicit.pop("clip_norm", None)
    if value is not None and norm is not None:
        raise BadInput("--clip-value and --clip-norm exclude each other: give one")
    if value is not None or norm is not None:
        explicit |= {"clip": "value", "clip_bound": value} if norm is None else {"clip": "norm", "clip_bound": norm}
    optimizer = explicit.get("optimizer", Settings.optimizer)
    settings = Settings(**({"learning_rate": LEARNING_RATES[optimizer]} | explicit))
    check(settings)
    for name, value in explicit.items():
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


def _report(settings: Settings, data: Data, state: State) -> str:
    from lstm_ref.models.training import validate

    score = validate(state.params, data.held_out, settings.sequence)
    return (
        f"step {state.step}: held-out loss {score.loss:.4f} nats per character (character frequencies alone: "
        f"{data.held_out_entropy:.4f}), accuracy {score.accuracy:.1%}"
    )


def _sample(settings: Settings, data: Data, state: State, prompt: str, temperature: float) -> str:
    from lstm_ref.models.char_lm import sample

    drawn = sample(state.params, data.characters, prompt, SAMPLE_LENGTH, temperature, settings.seed)
    return "    " + (prompt + drawn).strip("\n").replace("\n", "\n    ") + "\n"


@contextmanager
def _progress(console: Console, settings: Settings, step: int, steps: int, quiet: bool) -> Iterator[Any]:
    """A function of each step's loss, that moves the bar; without a terminal there is no bar."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TextColumn("{task.fields[speed]:,.0f} characters/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("", total=steps, completed=step, loss=float("nan"), speed=0.0)

        def advance(loss: float) -> None:
            speed = (bar.tasks[0].speed or 0.0) * settings.sequence * settings.batch
            bar.update(task, advance=1, loss=loss, speed=speed)

        yield advance


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
