"""The classifier: texts and classes from files, a stratified split, accuracy, and what simpler models reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np

from lstm_ref.cells import CELLS
from lstm_ref.data import made
from lstm_ref.data.reading import Bad, Labelled, labelled
from lstm_ref.data.splits import batch_of_step, held_out
from lstm_ref.data.vocabulary import Vocabulary, numbers, padded, split, vocabulary
from lstm_ref.errors import BadInput
from lstm_ref.models import classifier
from lstm_ref.models.classifier import Batch, Params, Tape
from lstm_ref.sequence import SCAN
from lstm_ref.tasks import ngrams
from lstm_ref.tasks.common import HELD_OUT, by_length, digest
from lstm_ref.through_time.fast_lstm import FAST
from lstm_ref.training import settings as training
from lstm_ref.training.settings import setting
from lstm_ref.training.task import Corpus, Prediction, Scores, Task


@dataclass(frozen=True)
class Settings(training.Settings):
    """The classifier adds to the common settings what a text consists of, and how the recurrence is read."""

    STEPS_WITHOUT_DATA: ClassVar[int] = 600

    validate_every: int = setting(150, "Steps between validations; 0: only at the end.", least=0)
    units: str = setting("word", "Unit of a text.", choices=("word", "char"))
    length: int = setting(200, "Number of words or characters after which a text is cut.", least=1)
    least: int = setting(2, "Occurrences that a word or character needs to have its own number.", least=1)
    embedding: int = setting(64, "Size D of a symbol's embedding.", least=1)
    cell: str = setting("lstm", "Recurrence that reads.", choices=("lstm", "gru", "rnn_tanh"))
    read: str = setting(
        "max",
        "What the classifier reads: of the outputs over a text's time the maximum, the mean, or a mean weighted by "
        "attention; the state at the text's end; the state after padding up to --length, as in the tutorials; or all "
        "outputs side by side (flat).",
        choices=("max", "mean", "attention", "end", "padding", "flat"),
    )
    both: bool = setting(False, "Read in both directions, with --hidden units in each.")
    binary: bool = setting(False, "Use one output for two classes.")


@dataclass(frozen=True)
class Asking:
    """A prediction has no options."""


class Examples(NamedTuple):
    """Texts as numbers."""

    texts: list[np.ndarray]
    lengths: np.ndarray
    classes: np.ndarray


def prepare(paths: list[Path], settings: Settings) -> Corpus:
    """Texts and classes, a tenth of each class held out; without files, generated opinions.

    Raises BadInput where there are fewer than two classes, or too few texts.
    """
    good, bad = labelled(paths) if paths else made.opinions()
    classes = tuple(sorted({row.label for row in good}))
    if len(classes) < 2:
        raise BadInput(
            f"a classifier needs texts of two classes or more, got {len(good)} texts of {len(classes)}"
            + "".join(f"; {b}" for b in bad[:1])
        )
    if settings.binary and len(classes) != 2:
        raise BadInput(f"--binary is for two classes, got {len(classes)}: {', '.join(classes)}")
    out = held_out([row.label for row in good], HELD_OUT, settings.seed)
    train, kept = ([row for row, o in zip(good, out, strict=True) if o == which] for which in (False, True))
    if not kept:
        raise BadInput(f"there are too few texts to hold some out: {len(good)}, one of each class")
    symbols = vocabulary((split(row.text, settings.units) for row in train), settings.least)  # type: ignore[arg-type]
    vocabularies = {"symbols": symbols, "classes": classes}
    examples = _numbers(train, vocabularies, settings)
    about = (
        f"{len(train):,} texts to learn from, {len(kept):,} held out; {len(symbols) - 2:,} {settings.units}s; "
        f"classes {', '.join(classes)}"
    )
    return Corpus(
        *(vocabularies, examples, _numbers(kept, vocabularies, settings), simpler_models(examples, settings.units)),
        *(digest(good), about, bad),
    )


def read(paths: list[Path], vocabularies: dict[str, Vocabulary], settings: Settings) -> tuple[Examples, list[Bad]]:
    """Texts as numbers. Texts of an unknown class are left out."""
    good, bad = labelled(paths)
    known, where = [row for row in good if row.label in vocabularies["classes"]], ", ".join(map(str, paths))
    if not known:
        more = "".join(f"; {b}" for b in bad[:1])
        raise BadInput(f"no text of {where} has one of the classes {', '.join(vocabularies['classes'])}{more}")
    others = Counter(row.label for row in good if row.label not in vocabularies["classes"])
    said = [Bad(where, 0, f"{n} texts are of the class {label}, which was not learned") for label, n in others.items()]
    return _numbers(known, vocabularies, settings), [*bad, *said]


def _numbers(rows: list[Labelled], vocabularies: dict[str, Vocabulary], settings: Settings) -> Examples:
    texts = _texts([row.text for row in rows], vocabularies, settings)
    classes = np.array([vocabularies["classes"].index(row.label) for row in rows], np.int32)
    return Examples(texts, np.array([len(text) for text in texts]), classes)


def _texts(texts: list[str], vocabularies: dict[str, Vocabulary], settings: Settings) -> list[np.ndarray]:
    cut = (split(text, settings.units)[: settings.length] for text in texts)  # type: ignore[arg-type]
    return numbers(vocabularies["symbols"], cut)


def accuracies(said: np.ndarray, classes: np.ndarray) -> Scores:
    """The share of texts whose class is right. Where some classes are rarer than others, also the mean of the shares
    within each class; to say always the same is 1 / (number of classes) by that."""
    right = said == classes
    numbers, texts = np.unique(classes, return_counts=True)
    scores = {"accuracy": float(np.mean(right))}
    if len(set(texts.tolist())) > 1:
        scores["balanced accuracy"] = float(np.mean([np.mean(right[classes == k]) for k in numbers]))
    return scores


def simpler_models(train: Examples, units: str) -> Callable[[Examples], dict[str, Scores]]:
    """The scores of always saying the most frequent class and, where scikit-learn is installed, of logistic regression
    on n-grams, which is fitted when it is first asked."""
    most = Counter(train.classes.tolist()).most_common(1)[0][0]
    longest = ngrams.LONGEST[units]
    fitted = cache(lambda: ngrams.fit(train.texts, train.classes, longest))

    def scores(examples: Examples) -> dict[str, Scores]:
        found = {"the most frequent class": accuracies(np.full_like(examples.classes, most), examples.classes)}
        if ngrams.installed():
            name = f"logistic regression on 1 to {longest} {units}s"
            found[name] = accuracies(fitted()(examples.texts), examples.classes)
        return found

    return scores


def _sizes(vocabularies: dict[str, Vocabulary], settings: Settings) -> tuple[Any, ...]:
    """V, D, H, K, T, the cell, whether both directions, and A, as `classifier.initial_parameters` takes them."""
    K = 1 if settings.binary else len(vocabularies["classes"])
    T = settings.length if settings.read == "flat" else 1
    A = settings.hidden if settings.read == "attention" else 0
    D, H = settings.embedding, settings.hidden
    return len(vocabularies["symbols"]), D, H, K, T, CELLS[settings.cell], settings.both, A


def initial(rng: np.random.Generator, vocabularies: dict[str, Vocabulary], settings: Settings) -> Params:
    """The parameters before the first step."""
    return classifier.initial_parameters(rng, *_sizes(vocabularies, settings))


def shapes(vocabularies: dict[str, Vocabulary], settings: Settings) -> Params:
    """The shapes of the parameters. Raises BadInput where a single output is used for other than two classes."""
    if settings.binary and len(vocabularies["classes"]) != 2:
        raise BadInput("its vocabulary is invalid")
    return classifier.parameter_shapes(*_sizes(vocabularies, settings))


def batch(train: Examples, settings: Settings, step: int) -> Batch:
    """The texts of one step."""
    return _batch(train, settings, batch_of_step(train.lengths, settings.batch, settings.seed, step))


def _batch(examples: Examples, settings: Settings, places: np.ndarray) -> Batch:
    """Texts padded to --length where the padding is read; otherwise only as far as needed."""
    fixed = settings.read in ("padding", "flat")
    T = settings.length if fixed else _steps(examples.lengths[places])
    return Batch(*padded([examples.texts[n] for n in places], T), examples.classes[places])


def _steps(lengths: np.ndarray) -> int:
    """Steps of a batch: 16, 32, 48, 64, 96, 128, 192, 256, 384 … Texts by characters have many lengths, and to compile
    a length takes as long as forty steps of training."""
    longest = int(np.max(lengths, initial=16))
    unit = max(16, 2 ** ((longest - 1).bit_length() - 2))
    return -(-longest // unit) * unit


def forward(params: Params, batch: Batch, settings: Settings) -> tuple[Any, Tape]:
    """The loss and the tape."""
    return classifier.forward(params, batch, *_how(settings))


def backward(params: Params, batch: Batch, tape: Tape, settings: Settings) -> Params:
    """The hand-written gradients."""
    return classifier.backward(params, batch, tape, *_how(settings))


def _how(settings: Settings) -> tuple[Any, ...]:
    """What is read, the cell, and the way through time: the LSTM's own where it is one."""
    return settings.read, CELLS[settings.cell], FAST if settings.cell == "lstm" else SCAN


def score(params: Params, examples: Examples, settings: Settings) -> Scores:
    """Loss per text, and `accuracies`."""
    loss, said = 0.0, np.zeros_like(examples.classes)
    for places in by_length(examples.lengths):
        of_batch, p = _judged(params, _batch(examples, settings, places), settings)
        loss += float(of_batch) * len(places)
        said[places] = np.asarray(p).argmax(1)
    return {"loss": loss / len(examples.texts), **accuracies(said, examples.classes)}


@partial(jax.jit, static_argnames="settings")
def _judged(params: Params, batch: Batch, settings: Settings) -> tuple[Any, Any]:
    """Loss, and probabilities (B, K)."""
    loss, tape = forward(params, batch, settings)
    return loss, classifier.probabilities(tape.logits)


def show(params: Params, corpus: Corpus, settings: Settings, asking: Asking) -> str:
    """Nothing: the scores are enough."""
    return ""


def predict(
    params: Params, vocabularies: dict[str, Vocabulary], settings: Settings, asking: Asking, texts: list[str]
) -> list[Prediction]:
    """The class of each text, and its probability."""
    ids = _texts(texts, vocabularies, settings)
    lengths = np.array([len(one) for one in ids])
    examples = Examples(ids, lengths, np.zeros(len(ids), np.int32))
    p = np.zeros((len(ids), len(vocabularies["classes"])))
    for places in by_length(lengths):
        p[places] = _judged(params, _batch(examples, settings, places), settings)[1]
    found = []
    for text, row in zip(texts, p, strict=True):
        label = vocabularies["classes"][int(row.argmax())]
        data = {"text": text, "class": label, "probability": float(row.max())}
        found.append(Prediction(f"{label}\t{row.max():.3f}\t{text}", data))
    return found


TASK = Task(
    *("classifier", Settings, Asking, prepare, read, initial, shapes, batch, lambda batch: int(batch.lengths.sum())),
    *(forward, backward, score, lambda scores: -scores["accuracy"], show, predict),
)
