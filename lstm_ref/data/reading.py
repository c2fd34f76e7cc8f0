"""Reads files of labelled text, row by row. A row that cannot be used is skipped and reported with its line number.

Files are UTF-8, with or without a byte order mark, with lines ended by LF or CRLF. Lines count from 1.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from lstm_ref.errors import BadInput

SENTIMENTS = ("Positive", "Negative", "Neutral", "Irrelevant")
"""The labels of Kaggle's "Twitter entity sentiment analysis"."""

CONLLU_COLUMNS = 10
CONLLU_TAGS = {"upos": 3, "xpos": 4}
"""Columns of a CoNLL-U file that can be learned, counted from 0."""


class Bad(NamedTuple):
    """A row that was left out."""

    path: str
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}: {self.why}"


class Labelled(NamedTuple):
    """A text and its class."""

    text: str
    label: str


class Tagged(NamedTuple):
    """A sentence: its tokens, and a tag for each."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]


class Pair(NamedTuple):
    """A text and its translation."""

    source: str
    target: str


Row = TypeVar("Row")


class Rows(NamedTuple):
    """What a file holds."""

    good: list
    bad: list[Bad]


def labelled(paths: list[Path]) -> Rows:
    """Reads texts and classes: `.csv` files by `twitter_csv`, any other file as one class with one text per line.

    The class of such a file is its suffix where all files have the same stem (x.pos, x.neg), otherwise its stem. Raises
    BadInput for a file that cannot be read, for a single file of lines (which is only one class), and for `.csv` files
    mixed with others.
    """
    if all(path.suffix.lower() == ".csv" for path in paths):
        return _joined(twitter_csv(path) for path in paths)
    same = len({path.stem for path in paths}) == 1
    names = [path.suffix.lstrip(".") if same else path.stem for path in paths]
    mixed = any(path.suffix.lower() == ".csv" for path in paths)
    if mixed or len(names) < 2 or len(set(names)) < len(names) or not all(names):
        raise BadInput(
            f"a file with one text a line holds one class, so give two files or more of different names (x.pos and "
            f"x.neg, say), or .csv files alone: got {', '.join(map(str, paths))}"
        )
    return _joined(lines(path, name) for path, name in zip(paths, names, strict=True))


def lines(path: Path, label: str) -> Rows:
    """One text per line, all of one class. An empty line is a bad row."""

    def read(line: str) -> Labelled:
        if not line.strip():
            raise ValueError("it is empty")
        return Labelled(line.strip(), label)

    return _each_line(path, read)


def twitter_csv(path: Path) -> Rows:
    """Reads Kaggle's file: rows of tweet id, entity, sentiment, text. A text in quotes may contain line breaks.

    Bad rows have another number of columns, another sentiment (a header, for example), no text, or quotes that do not
    close. After unclosed quotes, reading continues with the next line.
    """
    rows: Rows = Rows([], [])
    lines, start = _lines(path), 0
    longest, _ = csv.field_size_limit(), csv.field_size_limit(2**31 - 1)
    try:
        while start < len(lines):
            start = _rows_from(path, lines, start, rows)
    finally:
        csv.field_size_limit(longest)
    return rows


def _rows_from(path: Path, lines: list[str], start: int, rows: Rows) -> int:
    """Reads rows from a line on, up to one whose quotes do not close. Returns the line after that row's first line."""
    reader = csv.reader((line + "\n" for line in lines[start:]), strict=True)
    while True:
        line = start + reader.line_num + 1
        try:
            row = next(reader)
            rows.good.extend([_tweet(row)] if row else [])
        except StopIteration:
            return len(lines)
        except csv.Error as error:
            rows.bad.append(Bad(str(path), line, f"it is not a row of a CSV file: {error}"))
            return line
        except ValueError as error:
            rows.bad.append(Bad(str(path), line, str(error)))


def _tweet(row: list[str]) -> Labelled:
    if len(row) != 4:
        raise ValueError(f"it has {_columns(row)}, but tweet id, entity, sentiment and text need 4")
    _, _, sentiment, text = map(_utf8, row)
    if sentiment not in SENTIMENTS:
        raise ValueError(f"its sentiment is {sentiment[:20]!r}, which is none of {', '.join(SENTIMENTS)}")
    if not text.strip():
        raise ValueError("its text is empty")
    return Labelled(text.strip(), sentiment)


def tagged(paths: list[Path], column: str = "upos") -> Rows:
    """Reads sentences with tags: from `.conllu` files the column "upos" or "xpos", from others two columns, token and
    tag.

    A blank line separates sentences. A sentence with a bad row is left out as a whole, and reported.
    """
    return _joined(
        _sentences(path, _conllu(column)) if path.suffix.lower() == ".conllu" else _sentences(path, _two_columns)
        for path in paths
    )


def _conllu(column: str) -> Callable[[str], tuple[str, str] | None]:
    def token(line: str) -> tuple[str, str] | None:
        """None for a line without a token: a comment, a contraction whose parts follow, an empty node."""
        if line.startswith("#"):
            return None
        columns = line.split("\t")
        if len(columns) != CONLLU_COLUMNS:
            raise ValueError(f"it has {_columns(columns)}, but CoNLL-U has {CONLLU_COLUMNS}")
        if not columns[0].isdigit():
            if re.fullmatch(r"\d+[-.]\d+", columns[0]):
                return None
            raise ValueError(f"its number is {columns[0][:20]!r}")
        form, tag = columns[1], columns[CONLLU_TAGS[column]]
        if not form or tag in ("", "_"):
            raise ValueError(f"it has no {column.upper()}" if form else "it has no form")
        return form, tag

    return token


def _two_columns(line: str) -> tuple[str, str] | None:
    if line.startswith("-DOCSTART-"):
        return None
    columns = line.split("\t") if "\t" in line else line.split()
    if len(columns) != 2:
        raise ValueError(f"it has {_columns(columns)}, but token and tag need 2")
    token, tag = (column.strip() for column in columns)
    if not token or not tag:
        raise ValueError(f"its {'tag' if token else 'token'} is empty")
    return token, tag


def _sentences(path: Path, token: Callable[[str], tuple[str, str] | None]) -> Rows:
    rows: Rows = Rows([], [])
    sentence: list[tuple[str, str]] = []
    whole = True
    for number, line in enumerate([*_lines(path), ""], start=1):
        if line.strip():
            try:
                found = token(_utf8(line))
                sentence += [found] if found else []
            except ValueError as error:
                rows.bad.append(Bad(str(path), number, f"{error}; its sentence is left out"))
                whole = False
        else:
            if sentence and whole:
                rows.good.append(Tagged(*map(tuple, zip(*sentence, strict=True))))
            sentence, whole = [], True
    return rows


def pairs(paths: list[Path]) -> Rows:
    """Reads source and target, separated by a tab. A third column (the origin of a pair) is ignored."""

    def read(line: str) -> Pair:
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) not in (2, 3):
            raise ValueError(f"it has {_columns(columns)}, but source and target need 2")
        if not columns[0] or not columns[1]:
            raise ValueError(f"its {'target' if columns[0] else 'source'} is empty")
        return Pair(*columns[:2])

    return _joined(_each_line(path, read) for path in paths)


def _columns(row: list[str]) -> str:
    return "1 column" if len(row) == 1 else f"{len(row)} columns"


# --------------------------------------------------------------------------------------------------------- lines


def _each_line(path: Path, read: Callable[[str], Row]) -> Rows:
    rows = Rows([], [])
    for number, line in enumerate(_lines(path), start=1):
        try:
            rows.good.append(read(_utf8(line)))
        except ValueError as error:
            rows.bad.append(Bad(str(path), number, str(error)))
    return rows


def _lines(path: Path) -> list[str]:
    """The lines without line ends. A byte that is not UTF-8 becomes a lone surrogate, which `_utf8` reports."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read the data {path}: {error.strerror}") from None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput(f"{path} is UTF-16 by its byte order mark; the data must be UTF-8")
    found = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").split("\n")
    return [line.removesuffix("\r") for line in (found if found[-1] else found[:-1])]


def _utf8(line: str) -> str:
    for position, character in enumerate(line):
        if "\udc80" <= character <= "\udcff":
            raise ValueError(f"it is not UTF-8: byte {ord(character) - 0xDC00:#04x} at character {position + 1}")
    return line


def _joined(files: Iterator[Rows]) -> Rows:
    """All rows of all files."""
    parts = list(files)
    return Rows([row for part in parts for row in part.good], [bad for part in parts for bad in part.bad])
