"""The character model: the last tenth of the text is held out; a batch is sequences from anywhere in the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np

from lstm_ref.data.characters import encode, frequency_entropy, read_text
from lstm_ref.data.characters import vocabulary as characters_of
from lstm_ref.data.reading import Bad
from lstm_ref.data.vocabulary import Vocabulary
from lstm_ref.errors import BadInput
from lstm_ref.models import char_lm
from lstm_ref.tasks.common import digest
from lstm_ref.training import settings as training
from lstm_ref.training.settings import setting
from lstm_ref.training.task import Corpus, Prediction, Scores, Task

HELD_OUT = 10
"""The last 1/HELD_OUT of the text is kept for validation."""

ROWS = 256
"""Sequences that validation reads at once, which bounds its memory."""


@dataclass(frozen=True)
class Settings(training.Settings):
    """The character model adds the length of a sequence to the common settings."""

    RATES: ClassVar[dict[str, float]] = {"sgd": 8.0, "momentum": 1.0, "adam": 0.01}
    """Measured on 1 MB of Shakespeare at the other defaults. The rate of sgd relies on clipping."""

    STEPS: ClassVar[int] = 3000
    """The package's story has only 4,000 characters, and is soon memorised: its held-out loss is lowest after about 150
    steps."""

    hidden: int = setting(128, "Size H of the hidden state.", least=1)
    learning_rate: float = setting(RATES["adam"], "Default by optimizer: sgd 8, momentum 1, adam 0.01.")
    sequence: int = setting(64, "Characters in a sequence.", least=1)


@dataclass(frozen=True)
class Asking:
    """Options of a sample."""

    length: int = setting(200, "Number of characters to draw.", least=0, most=10**6)
    temperature: float = setting(0.7, "Temperature of samples; 1 draws from the model's own probabilities.")
    sample_seed: int = setting(0, "Seed of the samples.", least=0, most=2**31 - 1)


class Batch(NamedTuple):
    """Sequences of characters as numbers."""

    inputs: Any
    """Integers (T, B)."""
    targets: Any
    """The characters after the inputs, integers (T, B)."""


def prepare(paths: list[Path], settings: Settings) -> Corpus:
    """The text as numbers, with its last tenth held out. Raises BadInput where it is too short for one sequence."""
    text = _text(paths)
    characters = characters_of(text)
    cut = len(text) - max(2, len(text) // HELD_OUT)
    if cut < settings.sequence + 1:
        raise BadInput(
            f"the text is too short: of its {len(text)} characters {max(cut, 0)} are for training, and sequences of "
            f"{settings.sequence} need at least {settings.sequence + 1}; give a longer text or shorter sequences"
        )
    ids = encode(characters, text)
    about = f"{cut:,} characters to learn from, {len(text) - cut:,} held out; {len(characters)} different ones"
    return Corpus({"characters": tuple(characters)}, ids[:cut], ids[cut:], frequencies, digest(text), about, [])


def read(paths: list[Path], vocabularies: dict[str, Vocabulary], settings: Settings) -> tuple[np.ndarray, list[Bad]]:
    """A text as numbers; two characters or more. Raises BadInput for a character that is not in the vocabulary."""
    ids = encode("".join(vocabularies["characters"]), _text(paths))
    if len(ids) < 2:
        raise BadInput("a text to predict needs at least two characters")
    return ids, []


def _text(paths: list[Path]) -> str:
    return "".join(read_text(path) for path in paths) if paths else read_text()


def frequencies(ids: np.ndarray) -> dict[str, Scores]:
    """The loss in nats per character that the text's own character frequencies allow, without any memory."""
    return {"character frequencies alone": {"loss": frequency_entropy("".join(map(chr, ids)))}}


def initial(rng: np.random.Generator, vocabularies: dict[str, Vocabulary], settings: Settings) -> char_lm.Params:
    """The parameters before the first step."""
    return char_lm.initial_parameters(rng, len(vocabularies["characters"]), settings.hidden)


def shapes(vocabularies: dict[str, Vocabulary], settings: Settings) -> char_lm.Params:
    """The shapes of the parameters. Raises BadInput unless every symbol of the vocabulary is a single character."""
    characters = vocabularies["characters"]
    if list(characters) != sorted(set(characters)) or any(len(c) != 1 for c in characters):
        raise BadInput("its vocabulary is invalid")
    return char_lm.parameter_shapes(len(characters), settings.hidden)


def batch(train: np.ndarray, settings: Settings, step: int) -> Batch:
    """Inputs and targets of one step: contiguous sequences, whose positions depend only on (seed, step)."""
    T, B = settings.sequence, settings.batch
    rng = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(step,)))
    window = rng.integers(0, len(train) - T, size=B) + np.arange(T + 1)[:, None]
    ids = train[window]
    return Batch(ids[:-1], ids[1:])


def forward(params: char_lm.Params, batch: Batch, settings: Settings) -> tuple[Any, char_lm.Tape]:
    """The loss, from a zero state, and the tape."""
    return char_lm.forward(params, *batch, char_lm.zero_state(params, batch.inputs.shape[1]))


def backward(params: char_lm.Params, batch: Batch, tape: char_lm.Tape, settings: Settings) -> char_lm.Params:
    """The hand-written gradients."""
    return char_lm.backward(params, tape)[0]


def score(params: char_lm.Params, ids: np.ndarray, settings: Settings) -> Scores:
    """Loss and accuracy over consecutive sequences of the text, each from a zero state as in training.

    The characters after the last whole sequence are left out. A text shorter than one sequence is read as one.
    """
    T = min(settings.sequence, len(ids) - 1)
    N = (len(ids) - 1) // T
    inputs, targets = ids[: T * N].reshape(N, T).T, ids[1 : T * N + 1].reshape(N, T).T
    rows = [slice(start, min(start + ROWS, N)) for start in range(0, N, ROWS)]
    scores = np.array([_score(params, inputs[:, r], targets[:, r]) for r in rows], dtype=np.float64)
    loss, accuracy = np.average(scores, axis=0, weights=[r.stop - r.start for r in rows])
    return {"loss": float(loss), "accuracy": float(accuracy)}


_score = jax.jit(char_lm.score)


def show(params: char_lm.Params, corpus: Corpus, settings: Settings, asking: Asking) -> str:
    """A sample that begins with a line end, or else with the first character of the vocabulary."""
    characters = corpus.vocabularies["characters"]
    prompt = "\n" if "\n" in characters else characters[0]
    return predict(params, corpus.vocabularies, settings, asking, [prompt])[0].line


def predict(
    params: char_lm.Params, vocabularies: dict[str, Vocabulary], settings: Settings, asking: Asking, texts: list[str]
) -> list[Prediction]:
    """The continuation of each text. Raises BadInput as `char_lm.sample`."""
    draw = partial(char_lm.sample, params, "".join(vocabularies["characters"]))
    found = []
    for text in texts:
        drawn = draw(text, asking.length, asking.temperature, asking.sample_seed)
        found.append(Prediction((text + drawn).strip("\n"), {"text": text, "continued": drawn}))
    return found


TASK = Task(
    *("char-lm", Settings, Asking, prepare, read, initial, shapes, batch, lambda batch: batch.inputs.size),
    *(forward, backward, score, lambda scores: scores["loss"], show, predict),
)
