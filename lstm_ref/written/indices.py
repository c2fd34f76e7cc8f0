r"""Index notation, `\delta_j = f'(a_j) \sum_k w_{kj} \delta_k`, as vectors and matrices.

An index is a letter that a sum runs over, or one of i, j, k, l, m, n; h and h' are indices of one range. A sum over an
index multiplies a matrix with a vector, or two vectors with each other; factors of one index stand for an elementwise
product, of two free ones for an outer product. Where one letter has several ranges, as a_h and a_k, the letter of the
range stays in its name. What is none of these is refused, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from lstm_ref.errors import BadInput
from lstm_ref.written.brackets import all_symbols, flat
from lstm_ref.written.page import place
from lstm_ref.written.parser import WrittenEquation
from lstm_ref.written.terms import (
    Add,
    Adj,
    Apply,
    Dot,
    Had,
    Jacobian,
    Name,
    Neg,
    Num,
    Pow,
    SumAll,
    SumI,
    SumT,
    Sym,
    Term,
    Transpose,
    symbols,
)

_USUAL = frozenset("ijklmn")
_LETTERS = re.compile(r"(\\[a-z]+|[A-Za-z])('*)")


@dataclass(frozen=True)
class _Array:
    """A term with its free indices: none of a number, one of a column, two of a matrix."""

    term: Term
    over: tuple[str, ...] = ()


def without_indices(
    equations: list[WrittenEquation],
) -> tuple[list[WrittenEquation], list[tuple[WrittenEquation, str]]]:
    """The equations in vectors and matrices, and those that have no such form, with place and
    reason.

    Args:
        equations: All of a page; where none of them has a sum over an index they stay as they are.
    """
    sums = {t.index for e in equations for s in e.sides for t in s.subterms if isinstance(t, SumI)}
    if not sums:
        return equations, []
    reader = _Reader({_range(index) for index in sums} | _USUAL, equations)
    found: list[WrittenEquation] = []
    refused: list[tuple[WrittenEquation, str]] = []
    for e in equations:
        try:
            found.append(reader.equation(e))
        except BadInput as error:
            line, column = place(e.piece.text, e.piece.start)
            refused.append((e, f"line {line}, column {column}: {error}"))
    return found, refused


def indexed_letters(equations: Iterable[WrittenEquation]) -> frozenset[str]:
    """The letters that stand below a sum over units with two indices, as d in Σ_u d_{iu} x_u."""
    sums = [t for e in equations for side in e.sides for t in side.subterms if isinstance(t, SumI)]
    return frozenset(s.name.letter for t in sums for s in symbols(t.arg) if len(s.name.below) == 2)


def _range(index: str) -> str:
    return index.rstrip("'")


class _Reader:
    """Reads the equations of one page.

    Args:
        letters: Those that are indices.
        equations: The page's, which show what has several ranges.
    """

    def __init__(self, letters: set[str] | frozenset[str], equations: list[WrittenEquation]) -> None:
        self.letters = letters
        lefts = [e.sides[0] for e in equations if isinstance(e.sides[0], Sym) and not _is_backward_letter(e.sides[0])]
        ranges: dict[Name, set[tuple[str, ...]]] = {}
        for left in lefts:
            name, over = self._parted(left.name)
            ranges.setdefault(name, set()).add(tuple(map(_range, over)))
        self.layered = any(len(some) > 1 for some in ranges.values())

    def equation(self, e: WrittenEquation) -> WrittenEquation:
        """One equation, its sides with the same free indices in the same order. Without any, it stays as it is."""
        symbols = [s for side in e.sides for s in all_symbols(side)]
        sums = any(isinstance(t, SumI) for side in e.sides for t in side.subterms)
        if not sums and not any(self._parted(s.name)[1] for s in symbols):
            return e
        sides = [self.read(side) for side in e.sides]
        over = sides[0].over
        if len(set(over)) != len(over):
            raise BadInput(f"expected different free indices on the left, got {', '.join(over)}")
        return replace(e, sides=tuple(flat(self._as(side, over)) for side in sides))

    def _as(self, side: _Array, over: tuple[str, ...]) -> Term:
        if side.over == over or not side.over:
            return side.term
        if side.over == over[::-1]:
            return Transpose(side.term)
        alone = sorted(set(side.over) ^ set(over))
        raise BadInput(f"the index {', '.join(alone)} stands on one side alone; a sum over it must be written")

    # -------------------------------------------------------------------------------------------------- terms

    def read(self, term: Term) -> _Array:
        """A term without its indices."""
        match term:
            case Num():
                return _Array(term)
            case Sym():
                name, over = self._named(term.name)
                return _Array(replace(term, name=name), over)
            case Adj():
                inner = self.read(term.of)
                return _Array(replace(term, of=inner.term), inner.over)
            case Jacobian():
                of, by = self.read(term.of), self.read(term.by)
                if of.over:
                    raise BadInput(f"a derivative of one element, {term.of.name}, is not read")
                return _Array(replace(term, of=of.term, by=by.term), by.over)
            case Neg() | Apply() | SumT():
                inner = self.read(term.arg)
                return _Array(replace(term, arg=inner.term), inner.over)
            case Pow():
                inner = self.read(term.base)
                return _Array(replace(term, base=inner.term), inner.over)
            case Add():
                return self._sum([self.read(t) for t in term.terms])
            case Dot() | Had():
                return self._product(_factors(term))
            case SumI():
                return self._total(term)
            case Transpose():
                raise BadInput("a transpose, or a prime, beside indices is not read: the order of the indices says it")
        raise BadInput(f"{type(term).__name__} is not read beside indices")

    def _sum(self, terms: list[_Array]) -> _Array:
        over = max((t.over for t in terms), key=len)
        return _Array(Add(tuple(self._as(t, over) for t in terms)), over)

    def _product(self, factors: Iterable[Term]) -> _Array:
        found = _Array(Num(1.0))
        for factor in factors:
            found = self._times(found, self.read(factor))
        return found

    def _times(self, a: _Array, b: _Array) -> _Array:
        if a.term == Num(1.0):
            return b
        if not a.over or not b.over:
            return _Array(Dot((a.term, b.term)), a.over or b.over)
        if a.over == b.over:
            return _Array(Had((a.term, b.term)), a.over)
        if len(a.over) == len(b.over) == 1:
            return _Array(Dot((a.term, Transpose(b.term))), (*a.over, *b.over))
        raise BadInput(f"a product of what has the indices {','.join(a.over)} and {','.join(b.over)} is not read")

    def _total(self, term: SumI) -> _Array:
        """Σ_j of a product: W v, Wᵀ v, or the inner product of two vectors; times what has no j."""
        if isinstance(term.arg, Add):
            return self._sum([self._total(replace(term, arg=t)) for t in term.arg.terms])
        if isinstance(term.arg, Neg):
            inner = self._total(replace(term, arg=term.arg.arg))
            return _Array(Neg(inner.term), inner.over)
        j = term.index
        read = [self.read(f) for f in _factors(term.arg)]
        vector, matrices, rest = _Array(Num(1.0)), [], _Array(Num(1.0))
        for one in read:
            if one.over == (j,):
                vector = self._times(vector, one)
            elif j in one.over:
                matrices.append(one)
            else:
                rest = self._times(rest, one)
        if not vector.over or len(matrices) > 1:
            raise BadInput(f"expected a matrix and a vector, or two vectors, below the sum over {j}")
        if not matrices:
            return self._times(rest, _Array(SumAll(vector.term)))
        [matrix] = matrices
        left = matrix.term if matrix.over[1] == j else Transpose(matrix.term)
        other = matrix.over[0] if matrix.over[1] == j else matrix.over[1]
        return self._times(rest, _Array(Dot((left, vector.term)), (other,)))

    # -------------------------------------------------------------------------------------------------- names

    def _parted(self, name: Name) -> tuple[Name, tuple[str, ...]]:
        """A name and the indices among its labels below."""
        labels = [label for label in name.below.split(",") if label]
        left, over = [], []
        for label in labels:
            letters = ["".join(pair) for pair in _LETTERS.findall(label)]
            if "".join(letters) == label and all(_range(x) in self.letters for x in letters):
                over += letters
            else:
                left.append(label)
        return replace(name, below=",".join(left)), tuple(over)

    def _named(self, name: Name) -> tuple[Name, tuple[str, ...]]:
        bare, over = self._parted(name)
        if not self.layered or not over:
            return bare, over
        label = "".join(map(_range, over))
        return replace(bare, below=",".join(x for x in (bare.below, label) if x)), over


def _is_backward_letter(left: Sym) -> bool:
    return left.name.letter in (r"\delta", r"\epsilon", r"\varepsilon", r"\zeta")


def _factors(term: Term) -> list[Term]:
    if isinstance(term, (Dot, Had)):
        return [x for f in term.factors for x in _factors(f)]
    return [term]
