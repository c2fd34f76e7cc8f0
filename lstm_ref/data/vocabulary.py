"""Symbols and their numbers: words or characters of a text, tags, classes.

A vocabulary is a tuple of symbols, a symbol's number its place. `PADDING` and `UNKNOWN` come first where texts are
read, `BEGIN` and `END` after them where texts are written.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

Vocabulary = tuple[str, ...]
Units = Literal["word", "char"]

PADDING, UNKNOWN, BEGIN, END = "<PAD>", "<UNK>", "<BOS>", "<EOS>"
UNKNOWN_NUMBER, BEGIN_NUMBER, END_NUMBER = 1, 2, 3

_MARKS = "".join(chr(k) for k in range(0x300, 0x10000) if unicodedata.category(chr(k))[0] == "M")
"""What stands upon, under and around letters; `\\w` knows none of them."""
_WORD = re.compile(rf"[\w{_MARKS}]+(?:['’][\w{_MARKS}]+)*|[^\w\s]")


def split(text: str, units: Units) -> list[str]:
    """The characters of a text; or its words in lower case, a sign of punctuation being a word."""
    return list(text) if units == "char" else _WORD.findall(text.lower())


def vocabulary(texts: Iterable[Sequence[str]], least: int = 1, first: Vocabulary = (PADDING, UNKNOWN)) -> Vocabulary:
    """The symbols that occur at least so often, the most frequent first, equals in the order of their code points."""
    counts = Counter(symbol for text in texts for symbol in text)
    for symbol in first:
        counts.pop(symbol, None)  # a text may hold the very letters
    often = [symbol for symbol, n in counts.items() if n >= least]
    return first + tuple(sorted(often, key=lambda symbol: (-counts[symbol], symbol)))


def numbers(vocabulary: Vocabulary, texts: Iterable[Sequence[str]]) -> list[np.ndarray]:
    """The symbols' numbers, int32, a text an array; `UNKNOWN`'s for those that the vocabulary lacks."""
    place = {symbol: k for k, symbol in enumerate(vocabulary)}
    return [np.array([place.get(symbol, UNKNOWN_NUMBER) for symbol in text], np.int32) for text in texts]


def padded(texts: Sequence[np.ndarray], steps: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Time-major integers (T, B), 0 in the padding, and the lengths (B,); T is `steps`, or that of the longest."""
    lengths = np.array([len(text) for text in texts], np.int32)
    T = int(lengths.max(initial=0)) if steps is None else steps
    ids = np.zeros((T, len(texts)), np.int32)
    for n, text in enumerate(texts):
        ids[: len(text), n] = text
    return ids, lengths
