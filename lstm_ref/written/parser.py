r"""LaTeX of one equation as terms.

The grammar (`grammar.lark`) is that of this field's notation, for lark's LALR(1) parser. Ready-made LaTeX parsers stop
short of it. pylatexenc parses LaTeX the markup: it gives macros and groups, and does not know that `W_i x_t + b` is a
sum of a product. SymPy's `parse_latex` parses the algebra of scalars: as of 1.14 it refuses `\odot` and a superscript
`\top`, gives `c_{t-1}` as one opaque symbol, reads `\sigma(a)` as a product of two symbols, and sorts the factors of a
product as if they commuted. Time in a script, products that do not commute and transposes are what a derivation of
BPTT consists of.
"""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import dataclass, replace

import lark

from lstm_ref.errors import BadInput
from lstm_ref.written.builder import grammar, script_symbol, sides_of
from lstm_ref.written.explain import explained
from lstm_ref.written.page import Piece, place
from lstm_ref.written.templates import Members, stands_in, substituted
from lstm_ref.written.terms import Term


@dataclass(frozen=True)
class WrittenEquation:
    """A written equation: its sides, from left to right, and where it stands."""

    sides: tuple[Term, ...]
    piece: Piece
    accumulates: bool = False
    """Written with +=."""
    assigns: bool = False
    """Written with an arrow, as programs do: what it defines is read by the step before."""

    @property
    def line(self) -> int:
        """The line of its first character."""
        return place(self.piece.text, self.piece.start)[0]

    @property
    def label(self) -> str:
        """The line, and the equation's tag where it has one."""
        return f"line {self.line}" + (f" ({self.piece.tag})" if self.piece.tag else "")


def parse(piece: Piece, step: str = "t", star: str = "elementwise") -> WrittenEquation:
    """The terms of one equation.

    Args:
        piece: Where it stands.
        step: The letter that counts steps.
        star: What `*` means: "elementwise", "matrix" product, or a "convolution", which is not read.

    Raises:
        BadInput: This is not an equation in this notation; the message gives line, column and what was expected.
    """
    try:
        sides, relations = _parsed(piece.source, step, star)
    except lark.exceptions.UnexpectedInput as error:
        raise BadInput(explained(error, piece)) from None
    except lark.exceptions.VisitError as error:
        if isinstance(error.orig_exc, BadInput):
            line, column = place(piece.text, piece.start)
            raise BadInput(f"line {line}, column {column}: {error.orig_exc}") from None
        raise
    arrow = any(r in (r"\leftarrow", r"\gets") for r in relations)
    return WrittenEquation(sides, piece, accumulates=any("+" in r for r in relations), assigns=arrow)


@functools.lru_cache(maxsize=4096)
def _parsed(source: str, step: str, star: str) -> tuple[tuple[Term, ...], list[str]]:
    """The sides of an equation, and the relations between them. Kept, as a page that is corrected line by line is
    checked again and again, and most of its equations stay."""
    tree = grammar().parse(_without_dots(_with_paired_norms(source)))
    return tuple(sides_of(tree, step, star)), [str(t) for t in tree.children if isinstance(t, lark.Token)]


def expanded(e: WrittenEquation, members: Members, step: str = "t") -> list[WrittenEquation]:
    """The equation once for each member of the sets whose letters it uses.

    Args:
        e: The equation.
        members: The sets.
        step: The letter that counts steps.
    """
    found = [e]
    for letter, texts in members.items():
        if any(stands_in(side, letter) for side in e.sides):
            names = [s.name for text in texts if (s := script_symbol(text, step)) is not None]
            found = [replace(x, sides=tuple(substituted(s, letter, n) for s in x.sides)) for x in found for n in names]
    return found


def _with_paired_norms(source: str) -> str:
    r"""The text with every second `\\|` told apart from the one before it, at the same length."""
    sides = itertools.cycle(("⟦", "⟧"))
    return re.sub(r"\\\||\\Vert(?![A-Za-z])", lambda m: next(sides).ljust(len(m[0])), source)


def _without_dots(source: str) -> str:
    """Matlab's `.*`, `./` and `.^` as what they are for elements, at the same length."""
    return re.sub(r"\.(?=[*/^])", " ", source.replace(".*", " ⊙"))


def step_letter(text: str) -> str:
    """The letter that counts steps on a page: the one that is most often followed by −1 or +1 in a script."""
    found = re.findall(r"[_^]\s*\{[^{}]*?(?<![A-Za-z\\])(\\?[A-Za-z]+)\s*[-+−]\s*1", text)
    counts = {letter: found.count(letter) for letter in found if len(letter) == 1 or letter == r"\tau"}
    counts.pop("T", None)
    return max(counts, key=lambda letter: counts[letter]) if counts else "t"
