"""The translator: pairs of texts from files, and the share of texts that are translated exactly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np

from lstm_ref.data import made
from lstm_ref.data.reading import Bad, Pair, pairs
from lstm_ref.data.splits import batch_of_step, held_out
from lstm_ref.data.vocabulary import (
    BEGIN,
    BEGIN_NUMBER,
    END,
    END_NUMBER,
    PADDING,
    UNKNOWN,
    UNKNOWN_NUMBER,
    Vocabulary,
    numbers,
    padded,
    split,
    vocabulary,
)
from lstm_ref.errors import BadInput
from lstm_ref.models import translation
from lstm_ref.models.translation import Batch, Params, Tape
from lstm_ref.tasks.common import HELD_OUT, by_length, digest, steps_of, weighted
from lstm_ref.training import settings as training
from lstm_ref.training.settings import setting
from lstm_ref.training.task import Corpus, Prediction, Scores, Task


@dataclass(frozen=True)
class Settings(training.Settings):
    """The translator adds to the common settings what a text consists of, and the kind of attention."""

    STEPS: ClassVar[int] = 4000
    STEPS_WITHOUT_DATA: ClassVar[int] = 3000

    units: str = setting("word", "Unit of a text.", choices=("word", "char"))
    length: int = setting(60, "Pairs with a longer text are left out.", least=1)
    least: int = setting(1, "Occurrences that a word or character needs to have its own number.", least=1)
    embedding: int = setting(64, "Size D of a symbol's embedding.", least=1)
    attention: str = setting("additive", "Kind of attention to the source.", choices=("additive", "dot"))


@dataclass(frozen=True)
class Asking:
    """Options of a translation."""

    beam: int = setting(1, "Width of the beam search; 1: take the most probable symbol at every step.", least=1)


class Examples(NamedTuple):
    """Pairs as numbers, and as read."""

    rows: list[Pair]
    sources: list[np.ndarray]
    targets: list[np.ndarray]
    """Including the end symbol."""
    lengths: np.ndarray
    """Lengths of the sources."""
    names: Vocabulary
    """Symbols of the target vocabulary."""


def prepare(paths: list[Path], settings: Settings) -> Corpus:
    """Pairs, a tenth held out; without files, numbers in English and German words.

    Raises BadInput where there are fewer than two pairs.
    """
    good, bad = pairs(paths) if paths else made.numbers()
    fitting = [row for row in good if max(len(_split(text, settings)) for text in row) <= settings.length]
    if len(fitting) < 2:
        raise BadInput(
            f"a translator needs two pairs or more of at most {settings.length} {settings.units}s, got {len(fitting)}"
            + "".join(f"; {b}" for b in bad[:1])
        )
    out = held_out([0] * len(fitting), HELD_OUT, settings.seed)
    train, kept = ([row for row, o in zip(fitting, out, strict=True) if o == which] for which in (False, True))
    first = (PADDING, UNKNOWN)
    vocabularies = {
        "source": vocabulary((_split(row.source, settings) for row in train), settings.least, first),
        "target": vocabulary((_split(row.target, settings) for row in train), settings.least, (*first, BEGIN, END)),
    }
    examples, held = (_numbers(rows, vocabularies, settings) for rows in (train, kept))
    about = (
        f"{len(train):,} pairs to learn from, {len(kept):,} held out, {len(good) - len(fitting):,} too long; "
        f"{len(vocabularies['source']) - 2:,} and {len(vocabularies['target']) - 4:,} {settings.units}s"
    )
    return Corpus(vocabularies, examples, held, lambda _: {}, digest(good), about, bad)


def read(paths: list[Path], vocabularies: dict[str, Vocabulary], settings: Settings) -> tuple[Examples, list[Bad]]:
    """Pairs as numbers, of any length."""
    good, bad = pairs(paths)
    if not good:
        raise BadInput(f"no pair in {', '.join(map(str, paths))}" + "".join(f"; {b}" for b in bad[:1]))
    return _numbers(good, vocabularies, settings), bad


def _split(text: str, settings: Settings) -> list[str]:
    return split(text, settings.units)  # type: ignore[arg-type]


def _numbers(rows: list[Pair], vocabularies: dict[str, Vocabulary], settings: Settings) -> Examples:
    sources = numbers(vocabularies["source"], (_split(row.source, settings) for row in rows))
    targets = numbers(vocabularies["target"], (_split(row.target, settings) for row in rows))
    ended = [np.append(target, np.int32(END_NUMBER)) for target in targets]
    return Examples(rows, sources, ended, np.array([len(one) for one in sources]), vocabularies["target"])


def _sizes(vocabularies: dict[str, Vocabulary], settings: Settings) -> tuple[Any, ...]:
    """V, K, D, H, additive, as `translation.initial_parameters` takes them."""
    V, K = len(vocabularies["source"]), len(vocabularies["target"])
    return V, K, settings.embedding, settings.hidden, settings.attention == "additive"


def initial(rng: np.random.Generator, vocabularies: dict[str, Vocabulary], settings: Settings) -> Params:
    """The parameters before the first step."""
    return translation.initial_parameters(rng, *_sizes(vocabularies, settings))


def shapes(vocabularies: dict[str, Vocabulary], settings: Settings) -> Params:
    """The shapes of the parameters. Raises BadInput unless the vocabulary has begin and end symbols."""
    if vocabularies["target"][BEGIN_NUMBER : END_NUMBER + 1] != (BEGIN, END):
        raise BadInput("its vocabulary is invalid")
    return translation.parameter_shapes(*_sizes(vocabularies, settings))


def batch(train: Examples, settings: Settings, step: int) -> Batch:
    """The pairs of one step."""
    return _batch(train, batch_of_step(train.lengths, settings.batch, settings.seed, step))


def _batch(examples: Examples, places: np.ndarray) -> Batch:
    source, source_lengths = padded([examples.sources[n] for n in places], steps_of(examples.lengths[places]))
    targets = [examples.targets[n] for n in places]
    right, lengths = padded(targets, steps_of([len(target) for target in targets]))
    begin = np.full((1, len(places)), BEGIN_NUMBER, np.int32)
    return Batch(source, source_lengths, np.concatenate((begin, right[:-1])), right, lengths)


def forward(params: Params, batch: Batch, settings: Settings) -> tuple[Any, Tape]:
    """The loss and the tape."""
    return translation.forward(params, batch)


def backward(params: Params, batch: Batch, tape: Tape, settings: Settings) -> Params:
    """The hand-written gradients."""
    return translation.backward(params, batch, tape)


def score(params: Params, examples: Examples, settings: Settings) -> Scores:
    """Loss per symbol under teacher forcing, and the share of texts that greedy decoding translates exactly.

    Texts are compared as the words or characters that `split` gives. A text that contains an unknown symbol cannot be
    exact.
    """
    losses, right = [], 0
    for places in by_length(examples.lengths):
        batch = _batch(examples, places)
        losses.append((float(_loss(params, batch)), int(batch.lengths.sum())))
        found = _greedy(params, batch.source, batch.source_lengths, 2 * int(batch.lengths.max()))
        wanted = [examples.targets[n][:-1].tolist() for n in places]
        right += sum(
            mine == theirs and UNKNOWN_NUMBER not in theirs for mine, theirs in zip(found, wanted, strict=True)
        )
    return {"loss": weighted(losses), "exact": right / len(examples.rows)}


@jax.jit
def _loss(params: Params, batch: Batch) -> Any:
    return translation.forward(params, batch)[0]


def _greedy(params: Params, source: np.ndarray, lengths: np.ndarray, steps: int) -> list[list[int]]:
    """The symbols before the end symbol."""
    found = translation.greedy(params, source, lengths, BEGIN_NUMBER, END_NUMBER, steps).T.tolist()
    return [row[: row.index(END_NUMBER)] if END_NUMBER in row else row for row in found]


def show(params: Params, corpus: Corpus, settings: Settings, asking: Asking) -> str:
    """The first held-out texts with their translations."""
    texts = [row.source for row in corpus.held_out.rows[:3]]
    found = predict(params, corpus.vocabularies, settings, asking, texts)
    return "\n".join(f"{text} -> {one.line}" for text, one in zip(texts, found, strict=True))


def predict(
    params: Params, vocabularies: dict[str, Vocabulary], settings: Settings, asking: Asking, texts: list[str]
) -> list[Prediction]:
    """The translation of each text. Raises BadInput for a text without a word."""
    sources = numbers(vocabularies["source"], (_split(text, settings) for text in texts))
    found = []
    for text, source in zip(texts, sources, strict=True):
        if not len(source):
            raise BadInput(f"a text to translate needs at least one {settings.units}, got {text!r}")
        steps = 2 * max(settings.length, len(source))
        if asking.beam == 1:
            (symbols,) = _greedy(params, source[:, None], np.array([len(source)]), steps)
            data: dict[str, Any] = {}
        else:
            score, symbols = translation.beam(params, source, BEGIN_NUMBER, END_NUMBER, steps, asking.beam)[0]
            data = {"log_probability": score}
        said = [vocabularies["target"][k] for k in symbols if vocabularies["target"][k] not in (PADDING, BEGIN)]
        joined = (" " if settings.units == "word" else "").join(said)
        found.append(Prediction(joined, {"text": text, "translation": joined} | data))
    return found


TASK = Task(
    *("translation", Settings, Asking, prepare, read, initial, shapes, batch, lambda batch: int(batch.lengths.sum())),
    *(forward, backward, score, lambda scores: -scores["exact"], show, predict),
)
