"""Generated corpora: what the models learn from where no file is given.

For translation, numbers in English and German words, whose order differs (forty-two is "zwei und vierzig"). For
classification, opinions in which "not" reverses the meaning. For tagging, Chinese sentences with places and persons.
"""

from __future__ import annotations

from importlib import resources
from itertools import product
from pathlib import Path

import numpy as np

from lstm_ref.data.reading import Labelled, Pair, Rows, tagged


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ENGLISH = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
ENGLISH_TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")
GERMAN = _words(
    "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn "
    "achtzehn neunzehn"
)
GERMAN_TENS = _words("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")

LARGEST = 999_999


def english(n: int) -> str:
    """The number n, 0 <= n <= 999,999, in words: "three hundred forty two thousand one"."""
    if n >= 1000:
        return f"{english(n // 1000)} thousand" + (f" {english(n % 1000)}" if n % 1000 else "")
    if n >= 100:
        return f"{ENGLISH[n // 100]} hundred" + (f" {english(n % 100)}" if n % 100 else "")
    if n >= 20:
        return ENGLISH_TENS[n // 10 - 2] + (f" {ENGLISH[n % 10]}" if n % 10 else "")
    return ENGLISH[n]


def german(n: int) -> str:
    """The number n in German, with spaces between its parts: "drei hundert zwei und vierzig tausend eins"."""
    return f"{_german(n)}s" if n % 100 == 1 else _german(n)


def _german(n: int) -> str:
    """As `german`, but with "ein" in place of "eins" at the end, as before another part."""
    if n >= 1000:
        return f"{_german(n // 1000)} tausend" + (f" {_german(n % 1000)}" if n % 1000 else "")
    if n >= 100:
        return f"{GERMAN[n // 100]} hundert" + (f" {_german(n % 100)}" if n % 100 else "")
    if n >= 20:
        return (f"{GERMAN[n % 10]} und " if n % 10 else "") + GERMAN_TENS[n // 10 - 2]
    return GERMAN[n]


def numbers(count: int = 10_000, seed: int = 0) -> Rows:
    """Pairs of different numbers, English and German. A tenth of them, at most 1,000, have up to three digits."""
    rng = np.random.default_rng(seed)
    small = rng.choice(1000, min(1000, count // 10), replace=False)
    large = 1000 + rng.choice(LARGEST - 999, count - len(small), replace=False)
    return Rows([Pair(english(n), german(n)) for n in (*small.tolist(), *large.tolist())], [])


SUBJECTS = _words("film plot cast music ending dialogue pace hero")
GOOD = _words("good moving clever funny lovely brilliant")
POOR = _words("dull bad clumsy empty tiresome awful")
DEGREES = ("", "very ", "quite ", "so ")
VERBS = {"is": True, "is not": False, "was": True, "was never": False}


def opinions() -> Rows:
    """Sentences like "the plot is not very dull", labelled positive or negative by adjective and negation."""
    found = []
    for subject, verb, degree, (adjective, good) in product(
        SUBJECTS, VERBS, DEGREES, [(w, True) for w in GOOD] + [(w, False) for w in POOR]
    ):
        label = "positive" if good == VERBS[verb] else "negative"
        found.append(Labelled(f"the {subject} {verb} {degree}{adjective}", label))
    return Rows(found, [])


def sentences() -> Rows:
    """A handful of Chinese sentences, one token per character, with BIO tags of places and persons."""
    with resources.as_file(resources.files("lstm_ref.data").joinpath("sentences.bio")) as path:
        return tagged([Path(path)])
