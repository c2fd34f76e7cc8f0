"""What a trainer needs from a model, as one record of functions: data, loss and gradients, scores, predictions.

`lstm_ref.tasks` has one record per model; nothing in `lstm_ref.training` depends on a particular one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from lstm_ref.data.reading import Bad
from lstm_ref.data.vocabulary import Vocabulary
from lstm_ref.training.settings import Settings

Scores = dict[str, float]
"""Named numbers, in the order in which they are printed."""


class Corpus(NamedTuple):
    """Data, ready to learn from."""

    vocabularies: dict[str, Vocabulary]
    train: Any
    held_out: Any
    baselines: Callable[[Any], dict[str, Scores]]
    """Scores of simpler models on data like `held_out`, by the models' names. They learn only from `train`."""
    digest: str
    """SHA-256 of everything that was read. A resumed run must have the same."""
    about: str
    """A description in one line."""
    bad: list[Bad]
    """Rows that were left out."""


class Prediction(NamedTuple):
    """What a model answers for one text."""

    line: str
    data: dict[str, Any]
    """The same, machine-readable."""


class Task(NamedTuple):
    """A model, with everything that training and prediction need."""

    name: str
    Settings: type[Settings]
    Asking: type
    """Frozen dataclass with the options of a prediction, its fields made by `setting`."""
    prepare: Callable[[list[Path], Any], Corpus]
    """(files, settings): the corpus; without files, the one that comes with the package."""
    read: Callable[[list[Path], dict[str, Vocabulary], Any], tuple[Any, list[Bad]]]
    """(files, vocabularies, settings): data in the form of `Corpus.held_out`, and the rows left out."""
    initial: Callable[[Any, dict[str, Vocabulary], Any], Any]
    """(NumPy generator, vocabularies, settings): parameters, float64 NumPy arrays."""
    shapes: Callable[[dict[str, Vocabulary], Any], Any]
    """(vocabularies, settings): the shapes of the parameters, as tuples in the parameters' structure."""
    batch: Callable[[Any, Any, int], Any]
    """(train, settings, step): a named tuple of integer arrays, which depends only on the step and the seed."""
    symbols: Callable[[Any], int]
    """(batch): the number of symbols that are learned from; the unit of the reported speed."""
    forward: Callable[[Any, Any, Any], tuple[Any, Any]]
    """(parameters, batch, settings): the loss, a scalar in nats, and a tape."""
    backward: Callable[[Any, Any, Any, Any], Any]
    """(parameters, batch, tape, settings): the hand-written gradients."""
    score: Callable[[Any, Any, Any], Scores]
    """(parameters, held-out data, settings): the scores."""
    goal: Callable[[Scores], float]
    """(scores): the number that early stopping minimises."""
    show: Callable[[Any, Corpus, Any, Any], str]
    """(parameters, corpus, settings, asking): text that shows what the model can do, printed at every validation."""
    predict: Callable[[Any, dict[str, Vocabulary], Any, Any, list[str]], list[Prediction]]
    """(parameters, vocabularies, settings, asking, texts): one prediction per text."""
