"""Training the character model: the held-out part, the batches, one update, and the loop; pure functions throughout.

One update is: gradients of the whole batch, accumulated; then clipping, an explicit step of its own; then the
optimiser. The batch of step k is a function of (seed, k) and nothing else, so that a run which stops and resumes has
exactly the numbers of a run that never stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from math import isfinite
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lstm_ref.arithmetic.x64 import x64
from lstm_ref.clipping import clip_elementwise, clip_global_norm
from lstm_ref.errors import BadInput
from lstm_ref.models import char_lm
from lstm_ref.models.text import encode, frequency_entropy, vocabulary

OPTIMIZERS: dict[str, Callable[[float], optax.GradientTransformation]] = {
    "sgd": optax.sgd,
    "momentum": partial(optax.sgd, momentum=0.9),
    "adam": optax.adam,
}
LEARNING_RATES = {"sgd": 8.0, "momentum": 1.0, "adam": 0.01}
"""Defaults, by measurement on 1 MB of Shakespeare at the other defaults; that of sgd relies on the clipping."""

CLIPS: dict[str, Callable[[Any, float], Any]] = {"value": clip_elementwise, "norm": clip_global_norm}

HELD_OUT = 10
"""One part in so many, the last of the text, is kept for validation."""

ROWS = 256
"""Sequences that validation reads at once: a bound of its memory."""


@dataclass(frozen=True)
class Settings:
    """All that decides the numbers of a run, beside the text."""

    hidden: int = 128
    sequence: int = 64
    batch: int = 32
    optimizer: str = "adam"
    learning_rate: float = LEARNING_RATES["adam"]
    clip: str = "norm"
    """Which clipping: "value" or "norm"."""
    clip_bound: float = 1.0
    gradients: char_lm.How = "hand"
    seed: int = 0
    float64: bool = False


class Data(NamedTuple):
    """A text, ready to learn from."""

    characters: str
    """The vocabulary."""
    train: np.ndarray
    """Character numbers, int32."""
    held_out: np.ndarray
    """Character numbers of the part that is only ever predicted, int32."""
    held_out_entropy: float
    """Nats per character of the held-out part's character frequencies."""
    digest: str
    """SHA-256 of the text: a resumed run must have the same."""


class State(NamedTuple):
    """Where a run stands: all that changes with the steps."""

    step: int
    params: char_lm.Params
    optimizer: Any


class Score(NamedTuple):
    """How well a text is predicted."""

    loss: float
    """Nats per character."""
    accuracy: float


def check(settings: Settings) -> None:
    """Raise BadInput, naming the setting, unless every one has the type and the range that a run needs."""
    for name, kind in (("hidden", int), ("sequence", int), ("batch", int), ("seed", int), ("float64", bool)):
        value = getattr(settings, name)
        if type(value) is not kind:
            raise BadInput(f"{name} must be {kind.__name__}, got {value!r}")
        least = 0 if name == "seed" else 1
        if kind is int and value < least:
            raise BadInput(f"{name} must be at least {least}, got {value}")
    for name in ("learning_rate", "clip_bound"):
        value = getattr(settings, name)
        if not (isinstance(value, (int, float)) and isfinite(value) and value > 0):
            raise BadInput(f"{name.replace('_', ' ')} must be a positive finite number, got {value!r}")
    for name, known in (("optimizer", OPTIMIZERS), ("clip", CLIPS), ("gradients", ("hand", "autodiff"))):
        if getattr(settings, name) not in known:
            raise BadInput(f"{name} must be one of {', '.join(known)}, got {getattr(settings, name)!r}")


def precision(settings: Settings) -> AbstractContextManager[Any]:
    """Context in which a run of these settings computes."""
    return x64() if settings.float64 else nullcontext()


def prepare(text: str, sequence: int) -> Data:
    """The text as numbers, its last tenth held out. Raises BadInput where it is too short for one sequence."""
    characters = vocabulary(text)
    cut = len(text) - max(2, len(text) // HELD_OUT)
    if cut < sequence + 1:
        raise BadInput(
            f"the text is too short: of its {len(text)} characters {max(cut, 0)} are for training, and sequences of "
            f"{sequence} need at least {sequence + 1}; give a longer text or shorter sequences"
        )
    ids = encode(characters, text)
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return Data(characters, ids[:cut], ids[cut:], frequency_entropy(text[cut:]), digest)


def initial_state(settings: Settings, V: int) -> State:
    """The state before the first step, a function of the settings alone. JAX arrays; call it inside `precision`."""
    drawn = char_lm.initial_parameters(np.random.default_rng(settings.seed), V, settings.hidden)
    params = jax.tree.map(partial(jnp.asarray, dtype=dtype(settings)), drawn)
    return State(0, params, OPTIMIZERS[settings.optimizer](settings.learning_rate).init(params))


def dtype(settings: Settings) -> Any:
    """Of the parameters."""
    return np.float64 if settings.float64 else np.float32


def batch(train: np.ndarray, settings: Settings, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of one step, each (T, B): contiguous sequences from places drawn by (seed, step) alone."""
    T, B = settings.sequence, settings.batch
    rng = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(step,)))
    window = rng.integers(0, len(train) - T, size=B) + np.arange(T + 1)[:, None]
    ids = train[window]
    return ids[:-1], ids[1:]


@partial(jax.jit, static_argnames="settings")
def update(settings: Settings, params: Any, optimizer: Any, inputs: Any, targets: Any) -> tuple[Any, Any, Any]:
    """Loss before the step, parameters and optimiser state after it."""
    initial = char_lm.zero_state(params, settings.batch)
    loss, (gradients, _) = char_lm.loss_and_gradients(params, inputs, targets, initial, settings.gradients)
    clipped = CLIPS[settings.clip](gradients, settings.clip_bound)
    moves, optimizer = OPTIMIZERS[settings.optimizer](settings.learning_rate).update(clipped, optimizer, params)
    return loss, optax.apply_updates(params, moves), optimizer


def run(settings: Settings, data: Data, state: State, steps: int) -> Iterator[tuple[State, float]]:
    """The state after each step up to step number `steps`, and the loss of its batch before it, nats per character.

    Call it inside `precision`. Raises BadInput when the loss is no longer finite.
    """
    for step in range(state.step, steps):
        inputs, targets = batch(data.train, settings, step)
        loss, params, optimizer = update(settings, state.params, state.optimizer, inputs, targets)
        if not isfinite(loss):
            raise BadInput(f"the loss is {loss} at step {step + 1}: lower the learning rate or clip harder")
        state = State(step + 1, params, optimizer)
        yield state, float(loss)


def validate(params: char_lm.Params, ids: np.ndarray, sequence: int) -> Score:
    """Loss and accuracy over consecutive sequences of the text, each from a zero state as in training.

    What does not fill a last whole sequence is left out; a text shorter than one sequence is read as one. At least two
    characters.
    """
    T = min(sequence, len(ids) - 1)
    N = (len(ids) - 1) // T
    inputs, targets = ids[: T * N].reshape(N, T).T, ids[1 : T * N + 1].reshape(N, T).T
    rows = [slice(start, min(start + ROWS, N)) for start in range(0, N, ROWS)]
    scores = np.array([_score(params, inputs[:, r], targets[:, r]) for r in rows], dtype=np.float64)
    loss, accuracy = np.average(scores, axis=0, weights=[r.stop - r.start for r in rows])
    return Score(float(loss), float(accuracy))


_score = jax.jit(char_lm.score)
