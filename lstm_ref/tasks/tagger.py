"""The tagger: sentences and tags from files, token accuracy and span F1, with simple baselines for comparison."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np

from lstm_ref.cells import CELLS
from lstm_ref.data import made
from lstm_ref.data.reading import Bad, Tagged, tagged
from lstm_ref.data.splits import batch_of_step, held_out
from lstm_ref.data.vocabulary import Vocabulary, numbers, padded, split, vocabulary
from lstm_ref.errors import BadInput
from lstm_ref.models import hmm, tagger
from lstm_ref.models.tagger import Batch, Params, Tape
from lstm_ref.tasks.common import HELD_OUT, by_length, digest, steps_of, weighted
from lstm_ref.training import settings as training
from lstm_ref.training.settings import setting
from lstm_ref.training.task import Corpus, Prediction, Scores, Task

LETTERS = 4
"""Word lengths in a batch are padded to multiples of this many characters, because each length is compiled once."""

SMOOTHING = 0.01
"""Added to every count of the hidden Markov model. It was the best of 1, 0.1 and 0.01 on a held-out tenth of a
treebank."""


@dataclass(frozen=True)
class Settings(training.Settings):
    """The tagger adds to the common settings which column is learned, and how a word is read."""

    STEPS: ClassVar[int] = 1000
    STEPS_WITHOUT_DATA: ClassVar[int] = 400

    validate_every: int = setting(100, "Steps between validations; 0: only at the end.", least=0)
    column: str = setting("upos", "Column of a CoNLL-U file to learn.", choices=("upos", "xpos"))
    least: int = setting(2, "Occurrences that a word needs to have its own number.", least=1)
    embedding: int = setting(64, "Size D of a word's embedding.", least=1)
    characters: int = setting(0, "Size C of a character's embedding; 0: words are not read by characters.", least=0)
    cell: str = setting("lstm", "Recurrence that reads.", choices=("lstm", "gru", "rnn_tanh"))
    loss: str = setting("crf", "Score pairs of tags, or each step on its own.", choices=("crf", "softmax"))


@dataclass(frozen=True)
class Asking:
    """Options of a prediction."""

    units: str = setting("word", "Unit of a text: words split at spaces, or characters.", choices=("word", "char"))


class Examples(NamedTuple):
    """Sentences as numbers, and as read."""

    rows: list[Tagged]
    words: list[np.ndarray]
    tags: list[np.ndarray]
    """-1 where the vocabulary lacks a tag."""
    letters: list[list[np.ndarray]] | None
    """The character numbers of each word."""
    lengths: np.ndarray
    names: Vocabulary
    """The vocabulary of tags."""


def prepare(paths: list[Path], settings: Settings) -> Corpus:
    """Sentences and tags, a tenth held out; without files, the package's own few sentences.

    Raises BadInput where there are fewer than two sentences, or fewer than two tags.
    """
    good, bad = tagged(paths, settings.column) if paths else made.sentences()
    if len(good) < 2:
        raise BadInput(f"a tagger needs two sentences or more, got {len(good)}" + "".join(f"; {b}" for b in bad[:1]))
    out = held_out([0] * len(good), HELD_OUT, settings.seed)
    train, kept = ([row for row, o in zip(good, out, strict=True) if o == which] for which in (False, True))
    tags = tuple(sorted({tag for row in train for tag in row.tags}))
    if len(tags) < 2:
        raise BadInput(f"a tagger needs two tags or more to tell apart, got {', '.join(tags)}")
    vocabularies = {"words": vocabulary((row.tokens for row in train), settings.least), "tags": tags}
    if settings.characters:
        vocabularies["characters"] = vocabulary(word for row in train for word in row.tokens)
    examples, held = (_numbers(rows, vocabularies) for rows in (train, kept))
    unknown = np.mean(np.concatenate(held.words) == 1)
    about = (
        f"{len(train):,} sentences of {examples.lengths.sum():,} tokens to learn from, {len(kept):,} held out; "
        f"{len(tags)} tags, {len(vocabularies['words']) - 2:,} words; {unknown:.0%} of the held-out tokens are unknown"
    )
    return Corpus(vocabularies, examples, held, partial(baselines, examples), digest(good), about, bad)


def read(paths: list[Path], vocabularies: dict[str, Vocabulary], settings: Settings) -> tuple[Examples, list[Bad]]:
    """Sentences as numbers."""
    good, bad = tagged(paths, settings.column)
    if not good:
        raise BadInput(f"no sentence in {', '.join(map(str, paths))}" + "".join(f"; {b}" for b in bad[:1]))
    unknown = Counter(tag for row in good for tag in row.tags if tag not in vocabularies["tags"])
    said = [
        Bad(", ".join(map(str, paths)), 0, f"{n} tokens have the tag {tag}, which was not learned")
        for tag, n in unknown.items()
    ]
    return _numbers(good, vocabularies), [*bad, *said]


def _numbers(rows: list[Tagged], vocabularies: dict[str, Vocabulary]) -> Examples:
    letters = vocabularies.get("characters")
    known = {tag: k for k, tag in enumerate(vocabularies["tags"])}
    return Examples(
        rows,
        numbers(vocabularies["words"], (row.tokens for row in rows)),
        [np.array([known.get(tag, tagger.PADDING) for tag in row.tags], np.int32) for row in rows],
        [numbers(letters, row.tokens) for row in rows] if letters else None,
        np.array([len(row.tokens) for row in rows]),
        vocabularies["tags"],
    )


def baselines(train: Examples, examples: Examples) -> dict[str, Scores]:
    """Scores of the most frequent tag, and of a hidden Markov model of words and tags."""
    return {
        "the most frequent tag of each word": judged(examples.rows, _most_frequent(train, examples)),
        "hidden Markov model": judged(examples.rows, _by_markov(train, examples)),
    }


def _by_markov(train: Examples, examples: Examples) -> list[list[str]]:
    """The most probable tags by counting, with `SMOOTHING` added to each count.

    The training sentences count twice: once unchanged, and once with the words that occur only once replaced by the
    unknown word, because rare words are the best evidence about words that were never seen.
    """
    every, often = (vocabulary((row.tokens for row in train.rows), least) for least in (1, 2))

    def ids(rows: list[Tagged], known: Vocabulary) -> np.ndarray:
        return padded(numbers(known, (row.tokens for row in rows)))[0]

    # The frequent words come first, so both vocabularies give them the same numbers.
    seen = np.concatenate((ids(train.rows, every), ids(train.rows, often)), axis=1)
    tags = np.concatenate([padded(train.tags)[0]] * 2, axis=1)
    params = hmm.fit(seen, np.tile(train.lengths, 2), tags, len(every), len(train.names), SMOOTHING)
    best = hmm.decode(params, ids(examples.rows, every), examples.lengths)
    return [[train.names[k] for k in best[:n, b]] for b, n in enumerate(examples.lengths)]


def _most_frequent(train: Examples, examples: Examples) -> list[list[str]]:
    """For each word, its most frequent tag; for an unknown word, the most frequent tag of all."""
    counts: dict[str, Counter[str]] = {}
    for row in train.rows:
        for token, tag in zip(row.tokens, row.tags, strict=True):
            counts.setdefault(token, Counter())[tag] += 1
    overall = sum(counts.values(), Counter()).most_common(1)[0][0]
    often = {token: of_token.most_common(1)[0][0] for token, of_token in counts.items()}
    return [[often.get(token, overall) for token in row.tokens] for row in examples.rows]


def judged(rows: list[Tagged], tags: list[list[str]]) -> Scores:
    """Scores of predicted tags.

    Args:
        rows: Sentences with their right tags.
        tags: The predicted tags of each sentence.

    Returns:
        The share of tokens whose tag is right. Where tags are B-X, I-X and O, also the F1 of whole spans with kind.
    """
    right = np.concatenate([np.array(row.tags) == found for row, found in zip(rows, tags, strict=True)])
    scores = {"accuracy": float(right.mean())}
    every = {tag for row in rows for tag in row.tags} | {tag for one in tags for tag in one}
    kinds = sorted({tag[2:] for tag in every if tag[:2] in ("B-", "I-")})
    if kinds and all(tag == "O" or tag[1:2] == "-" for tag in every):
        from nervaluate import Evaluator

        found = Evaluator([list(row.tags) for row in rows], tags, tags=kinds, loader="list").evaluate()
        scores["span F1"] = float(found["overall"]["strict"].f1)
    return scores


def _sizes(vocabularies: dict[str, Vocabulary], settings: Settings) -> dict[str, Any]:
    """The sizes, as `tagger.initial_parameters` takes them."""
    return {
        "V": len(vocabularies["words"]),
        "D": settings.embedding,
        "H": settings.hidden,
        "K": len(vocabularies["tags"]),
        "chain": settings.loss == "crf",
        "cell": CELLS[settings.cell],
        "A": len(vocabularies.get("characters", ())),
        "C": settings.characters,
    }


def initial(rng: np.random.Generator, vocabularies: dict[str, Vocabulary], settings: Settings) -> Params:
    """The parameters before the first step."""
    return tagger.initial_parameters(rng, **_sizes(vocabularies, settings))


def shapes(vocabularies: dict[str, Vocabulary], settings: Settings) -> Params:
    """The shapes of the parameters."""
    return tagger.parameter_shapes(**_sizes(vocabularies, settings))


def batch(train: Examples, settings: Settings, step: int) -> Batch:
    """The sentences of one step."""
    return _batch(train, batch_of_step(train.lengths, settings.batch, settings.seed, step))


def _batch(examples: Examples, places: np.ndarray) -> Batch:
    T = steps_of(examples.lengths[places])
    ids, lengths = padded([examples.words[n] for n in places], T)
    tags, _ = padded([examples.tags[n] for n in places], T)
    batch = Batch(ids, lengths, tags)
    if examples.letters is None:
        return batch
    words = [[*examples.letters[n], *[np.zeros(0, np.int32)] * (T - int(examples.lengths[n]))] for n in places]
    one = [words[b][t] for t in range(T) for b in range(len(places))]
    L = -(-max(len(word) for word in one) // LETTERS) * LETTERS
    letters, word_lengths = padded(one, L)
    return batch._replace(
        characters=letters.reshape(L, T, len(places)), word_lengths=word_lengths.reshape(T, len(places))
    )


def forward(params: Params, batch: Batch, settings: Settings) -> tuple[Any, Tape]:
    """The loss and the tape."""
    return tagger.forward(params, batch, CELLS[settings.cell])


def backward(params: Params, batch: Batch, tape: Tape, settings: Settings) -> Params:
    """The hand-written gradients."""
    return tagger.backward(params, batch, tape, CELLS[settings.cell])


def score(params: Params, examples: Examples, settings: Settings) -> Scores:
    """Loss per sentence (per token, without the chain), token accuracy, and span F1 where tags are spans.

    A sentence with an unknown tag has no loss; if no sentence has a loss, the loss is missing.
    """
    losses, tags = [], _tags(params, examples, settings)
    whole = np.flatnonzero([np.all(one >= 0) for one in examples.tags])
    for places in by_length(examples.lengths[whole]):
        losses.append((float(_loss(params, _batch(examples, whole[places]), settings)), len(places)))
    return ({"loss": weighted(losses)} if losses else {}) | judged(examples.rows, tags)


@partial(jax.jit, static_argnames="settings")
def _loss(params: Params, batch: Batch, settings: Settings) -> Any:
    return forward(params, batch, settings)[0]


@partial(jax.jit, static_argnames="settings")
def _emissions(params: Params, batch: Batch, settings: Settings) -> Any:
    return forward(params, batch._replace(tags=0 * batch.ids), settings)[1].emissions


def _tags(params: Params, examples: Examples, settings: Settings) -> list[list[str]]:
    """The best tags of every sentence."""
    found: list[list[str]] = [[] for _ in examples.rows]
    for places in by_length(examples.lengths):
        batch = _batch(examples, places)
        best = tagger.best_tags(params, np.asarray(_emissions(params, batch, settings)), batch.lengths)
        for b, n in enumerate(places):
            found[n] = [examples.names[k] for k in best[: batch.lengths[b], b]]
    return found


def show(params: Params, corpus: Corpus, settings: Settings, asking: Asking) -> str:
    """The shortest held-out sentence, tagged."""
    examples = corpus.held_out
    row = min(examples.rows, key=lambda row: len(row.tokens))
    (tags,) = _tags(params, _numbers([row], corpus.vocabularies), settings)
    return _line(row.tokens, tags)


def predict(
    params: Params, vocabularies: dict[str, Vocabulary], settings: Settings, asking: Asking, texts: list[str]
) -> list[Prediction]:
    """The tags of each text. Raises BadInput for a text without a token."""
    tokens = [text.split() if asking.units == "word" else split("".join(text.split()), "char") for text in texts]
    for text, one in zip(texts, tokens, strict=True):
        if not one:
            raise BadInput(f"a text to tag needs at least one token, got {text!r}")
    rows = [Tagged(tuple(one), (vocabularies["tags"][0],) * len(one)) for one in tokens]
    found = _tags(params, _numbers(rows, vocabularies), settings)
    return [
        Prediction(_line(one, tags), {"text": text, "tokens": one, "tags": tags})
        for text, one, tags in zip(texts, tokens, found, strict=True)
    ]


def _line(tokens: Any, tags: list[str]) -> str:
    return " ".join(f"{token}/{tag}" for token, tag in zip(tokens, tags, strict=True))


TASK = Task(
    *("tagger", Settings, Asking, prepare, read, initial, shapes, batch, lambda batch: int(batch.lengths.sum())),
    *(forward, backward, score, lambda scores: -scores["accuracy"], show, predict),
)
