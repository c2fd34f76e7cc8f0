"""What a trainer asks of a model, one record of functions: data, loss and gradients, scores, predictions.

`lstm_ref.tasks` has one for each model; nothing in `lstm_ref.training` knows any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from lstm_ref.data.reading import Bad
from lstm_ref.data.vocabulary import Vocabulary
from lstm_ref.training.settings import Settings

Scores = dict[str, float]
"""Named figures, in the order in which they are told."""


class Corpus(NamedTuple):
    """Data, ready to learn from."""

    vocabularies: dict[str, Vocabulary]
    train: Any
    held_out: Any
    baselines: Callable[[Any], dict[str, Scores]]
    """What simpler models score on such data as `held_out`, by their names; they have seen `train` alone."""
    digest: str
    """SHA-256 of all that was read: a resumed run must have the same."""
    about: str
    """In words, one line."""
    bad: list[Bad]
    """Rows that were left out."""


class Prediction(NamedTuple):
    """What a model says of one text."""

    line: str
    data: dict[str, Any]
    """The same for a machine."""


class Task(NamedTuple):
    """A model and what it is trained and asked for."""

    name: str
    Settings: type[Settings]
    Asking: type
    """Frozen dataclass of what a prediction can be asked for, its fields made by `setting`."""
    prepare: Callable[[list[Path], Any], Corpus]
    """(files, settings): the corpus; without files, the one that comes with the package."""
    read: Callable[[list[Path], dict[str, Vocabulary], Any], tuple[Any, list[Bad]]]
    """(files, vocabularies, settings): such data as `Corpus.held_out`, and the rows left out."""
    initial: Callable[[Any, dict[str, Vocabulary], Any], Any]
    """(NumPy generator, vocabularies, settings): parameters, float64 NumPy arrays."""
    shapes: Callable[[dict[str, Vocabulary], Any], Any]
    """(vocabularies, settings): the parameters' shapes, as tuples in their structure."""
    batch: Callable[[Any, Any, int], Any]
    """(train, settings, step): a named tuple of integer arrays; of the step and the seed alone."""
    symbols: Callable[[Any], int]
    """Of a batch: how many symbols are learned from; what speed is counted in."""
    forward: Callable[[Any, Any, Any], tuple[Any, Any]]
    """(parameters, batch, settings): the loss, a scalar in nats, and a tape."""
    backward: Callable[[Any, Any, Any, Any], Any]
    """(parameters, batch, tape, settings): the hand-written gradients."""
    score: Callable[[Any, Any, Any], Scores]
    """(parameters, held-out data, settings)."""
    goal: Callable[[Scores], float]
    """What early stop lowers."""
    show: Callable[[Any, Corpus, Any, Any], str]
    """(parameters, corpus, settings, asking): what it can do by now, printed at every validation."""
    predict: Callable[[Any, dict[str, Vocabulary], Any, Any, list[str]], list[Prediction]]
    """(parameters, vocabularies, settings, asking, texts)."""
