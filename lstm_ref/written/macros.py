r"""Commands that a page defines for itself (`\newcommand`, `\def`, `\DeclareMathOperator`), as what they stand for.

Lines stay where they are; columns do not. A command that stands for itself, or whose definition or arguments cannot be
read, is left as it is.
"""

from __future__ import annotations

import itertools
import re
from typing import NamedTuple

from lstm_ref.written.page import without_code

_TOKEN = re.compile(r"\\(?:[A-Za-z]+|.)", re.S)
_DEFINITION = re.compile(
    r"\\(?:(?:new|renew|provide)command|(?P<operator>DeclareMathOperator)|def)(?![A-Za-z])\*?"
    r"\s*\{?\s*(?P<name>\\[A-Za-z]+)\s*\}?\s*(?P<parameters>\[\d\]|(?:#\d)*)\s*(?=\{)"
)
MOST = 10_000
"""Characters that one use of a command may become."""


class _Macro(NamedTuple):
    arity: int
    body: str


class _Endless(Exception):
    pass


def without_macros(text: str, is_tex: bool) -> str:
    """The text with each command that it defines replaced by what it stands for, and the definitions blanked."""
    seen = without_code(text, is_tex)
    if not _DEFINITION.search(seen):
        return text
    text = seen
    macros = {r"\ensuremath": _Macro(1, "#1"), r"\xspace": _Macro(0, "")}
    parts, start, at = [], 0, 0
    while token := _TOKEN.search(text, at):
        at = token.end()
        if (definition := _DEFINITION.match(text, token.start())) and (end := _group(text, definition.end())):
            body = text[definition.end() + 1 : end - 1]
            arity = int("0" + definition["parameters"][-2:].strip("[]#"))
            macros[definition["name"]] = _Macro(arity, rf"\operatorname{{{body}}}" if definition["operator"] else body)
            new = ""
        else:
            try:
                new, end = _used(text, token, macros, ())
            except _Endless:
                continue
        lines = "\n" * text.count("\n", token.start(), end)
        parts += [text[start : token.start()], new.replace("\n", " ") + lines]
        start = at = end
    return _joined([*parts, text[start:]])


def _used(text: str, token: re.Match[str], macros: dict[str, _Macro], inside: tuple[str, ...]) -> tuple[str, int]:
    """What stands for a command and its arguments, and where these end; the command itself, if it is none of these."""
    if token[0] in inside:
        raise _Endless
    macro = macros.get(token[0])
    read = None if macro is None else _arguments(text, token.end(), macro.arity)
    if macro is None or read is None:
        return token[0], token.end()
    arguments = [_replaced(a, macros, inside) for a in read[0]]
    body = _replaced(macro.body, macros, (*inside, token[0]))
    fill = {f"#{k}": argument for k, argument in enumerate(arguments, 1)}
    new = _joined([fill.get(part, part) for part in re.split(r"(#\d)", body)])
    if len(new) > MOST:
        raise _Endless
    return new, read[1]


def _replaced(text: str, macros: dict[str, _Macro], inside: tuple[str, ...]) -> str:
    """A text without definitions, with its commands replaced."""
    parts, at = [], 0
    while token := _TOKEN.search(text, at):
        new, end = _used(text, token, macros, inside)
        parts += [text[at : token.start()], new]
        at = end
    return _joined([*parts, text[at:]])


def _arguments(text: str, at: int, arity: int) -> tuple[list[str], int] | None:
    """So many arguments, from here on, and where they end; None where they cannot be read."""
    found: list[str] = []
    for _ in range(arity):
        while text[at : at + 1].isspace():
            at += 1
        if text[at : at + 1] == "{":
            end = _group(text, at)
            if end is None:
                return None
            found.append(text[at + 1 : end - 1])
        elif at < len(text) and text[at] != "}":
            token = _TOKEN.match(text, at)
            end = token.end() if token else at + 1
            found.append(text[at:end])
        else:
            return None
        at = end
    return found, at


def _group(text: str, start: int) -> int | None:
    """Where the group ends that begins here; None if it does not."""
    depth = 0
    for brace in re.compile(r"\\.|[{}]", re.S).finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return brace.end()
    return None


def _joined(parts: list[str]) -> str:
    r"""The parts in a row, with a space where `\sigma` and `x` would become another command."""
    parts = [p for p in parts if p]
    spaces = [" " * bool(re.search(r"\\[A-Za-z]+\Z", a) and b[0].isalpha()) for a, b in itertools.pairwise(parts)]
    return "".join(itertools.chain(*itertools.zip_longest(parts, spaces, fillvalue="")))
