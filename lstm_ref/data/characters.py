"""Text and its characters: where it is read from, its vocabulary, its numbers.

A vocabulary is a string: the sorted distinct characters of a text. A character's number is its place in that string.
"""

from __future__ import annotations

from collections import Counter
from importlib import resources
from math import log
from pathlib import Path

import numpy as np

from lstm_ref.errors import BadInput


def read_text(path: str | Path | None = None) -> str:
    """The UTF-8 text in a file, line ends as they stand; without a path, the text that comes with this package.

    Raises BadInput for a file that is absent, unreadable, empty or not UTF-8.
    """
    if path is None:
        return resources.files("lstm_ref.data").joinpath("text.txt").read_text(encoding="utf-8")
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read the text {path}: {error.strerror}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text: byte {raw[error.start]:#04x} at position {error.start}") from None
    if not text:
        raise BadInput(f"{path} is empty: there is nothing to learn from")
    return text


def vocabulary(text: str) -> str:
    """The sorted distinct characters of a text. Raises BadInput where there are fewer than two: nothing to predict."""
    characters = "".join(sorted(set(text)))
    if len(characters) < 2:
        held = f"only the character {characters!r}" if characters else "no character"
        raise BadInput(f"a text to learn from needs at least two distinct characters; this one holds {held}")
    return characters


def encode(characters: str, text: str) -> np.ndarray:
    """Numbers of the text's characters in the vocabulary, int32 (len(text),). Raises BadInput for an unknown one."""
    numbers = {character: k for k, character in enumerate(characters)}
    try:
        return np.array([numbers[character] for character in text], dtype=np.int32)
    except KeyError:
        position = next(k for k, character in enumerate(text) if character not in numbers)
        raise BadInput(
            f"character {text[position]!r} (U+{ord(text[position]):04X}) at position {position} is not among the "
            f"{len(characters)} characters of the vocabulary"
        ) from None


def decode(characters: str, ids: np.ndarray) -> str:
    """The text whose `encode` is ids, a list or array. Raises BadInput for a number that is no character's."""
    if not all(0 <= k < len(characters) for k in ids):
        raise BadInput(f"character numbers must lie in 0..{len(characters) - 1}, got {list(ids)!r:.60}")
    return "".join(characters[int(k)] for k in ids)


def frequency_entropy(text: str) -> float:
    """Nats per character of the text's own character frequencies: what a model without memory needs at the least."""
    return -sum(n / len(text) * log(n / len(text)) for n in Counter(text).values())
