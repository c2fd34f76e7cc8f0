"""Symbols and their numbers: words or characters of a text, tags, classes.

A vocabulary is a tuple of symbols; a symbol's number is its position. `PADDING` and `UNKNOWN` come first in
vocabularies for texts that are read; `BEGIN` and `END` follow them in vocabularies for texts that are written.
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
"""Combining marks above, below and around letters. `\\w` matches none of them."""
_WORD = re.compile(rf"[\w{_MARKS}]+(?:['’][\w{_MARKS}]+)*|[^\w\s]")


def split(text: str, units: Units) -> list[str]:
    """The characters of a text; or its words in lower case, where a punctuation mark is a word."""
    return list(text) if units == "char" else _WORD.findall(text.lower())


def vocabulary(texts: Iterable[Sequence[str]], least: int = 1, first: Vocabulary = (PADDING, UNKNOWN)) -> Vocabulary:
    """The symbols that occur at least `least` times, the most frequent first; ties are ordered by code point."""
    counts = Counter(symbol for text in texts for symbol in text)
    for symbol in first:
        counts.pop(symbol, None)  # a text may contain the literal text of these symbols
    often = [symbol for symbol, n in counts.items() if n >= least]
    return first + tuple(sorted(often, key=lambda symbol: (-counts[symbol], symbol)))


def numbers(vocabulary: Vocabulary, texts: Iterable[Sequence[str]]) -> list[np.ndarray]:
    """The symbols' numbers, one int32 array per text. A symbol outside the vocabulary gets the number of `UNKNOWN`."""
    place = {symbol: k for k, symbol in enumerate(vocabulary)}
    return [np.array([place.get(symbol, UNKNOWN_NUMBER) for symbol in text], np.int32) for text in texts]


def padded(texts: Sequence[np.ndarray], steps: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Time-major integers (T, B), padded with 0, and the lengths (B,). T is `steps`, or the longest length."""
    lengths = np.array([len(text) for text in texts], np.int32)
    T = int(lengths.max(initial=0)) if steps is None else steps
    ids = np.zeros((T, len(texts)), np.int32)
    for n, text in enumerate(texts):
        ids[: len(text), n] = text
    return ids, lengths
