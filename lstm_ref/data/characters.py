"""Text as characters: where it is read from, its vocabulary, its numbers.

A vocabulary is a string: the sorted distinct characters of a text. A character's number is its position in that string.
"""

from __future__ import annotations

from collections import Counter
from importlib import resources
from math import log
from pathlib import Path

import numpy as np

from lstm_ref.errors import BadInput


def read_text(path: str | Path | None = None) -> str:
    """Reads the UTF-8 text in a file, without changing line ends.

    Args:
        path: The file; None for the text that comes with this package.

    Returns:
        The text.

    Raises:
        BadInput: The file is absent, unreadable, empty or not UTF-8.
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
    """The sorted distinct characters of a text.

    Args:
        text: The text to learn from.

    Returns:
        The vocabulary as a string.

    Raises:
        BadInput: There are fewer than two distinct characters, so nothing can be predicted.

    Example:
        >>> vocabulary("hello")
        'ehlo'
    """
    characters = "".join(sorted(set(text)))
    if len(characters) < 2:
        held = f"only the character {characters!r}" if characters else "no character"
        raise BadInput(f"a text to learn from needs at least two distinct characters; this one holds {held}")
    return characters


def encode(characters: str, text: str) -> np.ndarray:
    """The numbers of the text's characters in the vocabulary.

    Args:
        characters: The vocabulary.
        text: The text to encode.

    Returns:
        An int32 array (len(text),).

    Raises:
        BadInput: A character is not in the vocabulary.

    Example:
        >>> encode("ehlo", "hole").tolist()
        [1, 3, 2, 0]
    """
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
    """The inverse of `encode`, for a list or array of numbers. Raises BadInput for a number outside the vocabulary."""
    if not all(0 <= k < len(characters) for k in ids):
        raise BadInput(f"character numbers must lie in 0..{len(characters) - 1}, got {list(ids)!r:.60}")
    return "".join(characters[int(k)] for k in ids)


def frequency_entropy(text: str) -> float:
    """Entropy of the text's own character frequencies, in nats per character: the least loss of a model without
    memory."""
    return -sum(n / len(text) * log(n / len(text)) for n in Counter(text).values())
