r"""One equation for several gates: `W_k … (k = i, f, o)`, `k \in \{i, f, o\}`, Greff's ⋆.

Such an equation is written out, once for each gate. A set that a sentence gives, as in "where ⋆ is any of …", holds for
the whole page; one at the end of an equation holds there.
"""

from __future__ import annotations

import re
from dataclasses import replace

from lstm_ref.written.page import Piece
from lstm_ref.written.terms import Adj, Jacobian, Name, Sym, Term, mapped

_OPEN, _CLOSE = r"\\(?:l?brace|\{)", r"\\(?:r?brace|\})"
_MEMBERS = re.compile(rf"(\\?[A-Za-z]+)\s*\\in\s*{_OPEN}(.*?){_CLOSE}", re.S)
_SUFFIX = re.compile(r"\(\s*(\\?[A-Za-z]+)\s*=\s*([^()=]+,[^()=]+)\)\s*$")
_FOR_ALL = r"[,(]?\s*(?:\\forall\s*|\\text\{\s*for\s*\}\s*)?"
_TAIL = re.compile(rf"{_FOR_ALL}(\\?[A-Za-z]+)\s*\\in\s*{_OPEN}(.*?){_CLOSE}\s*\)?\s*$", re.S)
_ANY_OF = re.compile(rf"\$\s*(\\star|\\ast|\\bullet)\s*\$[^$\n]{{0,60}}?\$\s*{_OPEN}(.*?){_CLOSE}\s*\$", re.S)

Members = dict[str, list[str]]
"""The members that a letter stands for, as LaTeX."""


def sets_of(text: str) -> Members:
    """The sets that a page's sentences give for letters."""
    found = {m[1]: _listed(m[2]) for m in _ANY_OF.finditer(text)}
    prose = re.sub(r"\$\$.*?\$\$", "", text, flags=re.S)
    for m in re.finditer(r"(?<!\$)\$([^$]+)\$", prose):
        if inside := _MEMBERS.fullmatch(m[1].strip()):
            found[inside[1]] = _listed(inside[2])
    return found


def _listed(text: str) -> list[str]:
    return [member.strip() for member in text.split(",") if member.strip()]


def without_suffix(piece: Piece) -> tuple[Piece, Members]:
    """The equation without `(k = i, f, o)` behind it, and what that says."""
    for pattern in (_SUFFIX, _TAIL):
        if found := pattern.search(piece.source):
            end = piece.start + len(piece.source[: found.start()].rstrip().rstrip(",").rstrip())
            return replace(piece, end=end), {found[1]: _listed(found[2])}
    return piece, {}


def substituted(term: Term, letter: str, member: Name) -> Term:
    """The term with one member in the place of a letter, wherever it is a symbol or a label."""

    def renamed(name: Name) -> Name:
        if name.letter == letter:
            joined = [x for x in (member.below, name.below) if x]
            return replace(name, letter=member.letter, accent=name.accent + member.accent, below=",".join(joined))
        return replace(name, below=_label(name.below, letter, member), above=_label(name.above, letter, member))

    def change(one: Term) -> Term:
        if isinstance(one, Sym):
            return Sym(renamed(one.name), one.time)
        if isinstance(one, Adj):
            return replace(one, of=change(one.of))
        return replace(one, of=change(one.of), by=change(one.by)) if isinstance(one, Jacobian) else one

    return mapped(term, change)


def _label(text: str, letter: str, member: Name) -> str:
    if letter.startswith("\\"):
        return re.sub(re.escape(letter) + r"(?![A-Za-z])", lambda _: str(member), text)
    return re.sub(rf"(?<![A-Za-z\\]){letter}(?![A-Za-z])|(?<=\b[a-z]){letter}\b", lambda _: str(member), text)


def stands_in(term: Term, letter: str) -> bool:
    """Whether the letter is a symbol or a label of the term."""
    return substituted(term, letter, Name("⋆⋆")) != term
