"""What is wrong with a line: edits of its right side, likely ones first. The one that makes it right names the slip."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from lstm_ref.written.evaluate import Meaning
from lstm_ref.written.latex import Style, latex
from lstm_ref.written.reading import NOW, Reading, is_hidden
from lstm_ref.written.terms import (
    Add,
    Adj,
    Apply,
    Dot,
    Fn,
    Had,
    Jacobian,
    Name,
    Neg,
    Num,
    Outer,
    Pow,
    SumB,
    SumT,
    Sym,
    Term,
    Transpose,
    added,
    mapped,
    replaced,
    shifted,
    walk,
)


@dataclass(frozen=True)
class LineEdit:
    """An edited right side, and what was wrong if it is right."""

    right: Term
    sentence: str


class Editor:
    """Edits for the lines of one page.

    Args:
        reading: The page.
        sizes: The shapes of its quantities.
        style: How it writes.
        meanings: What its open symbols stand for.
    """

    def __init__(
        self, reading: Reading, sizes: dict[Name, tuple[int, int]], style: Style, meanings: dict[Name, Meaning]
    ) -> None:
        self.reading, self.sizes, self.style, self.meanings = reading, sizes, style, meanings

    def edits(self, right: Term, derived: list[Term] | None) -> Iterator[LineEdit]:
        """Edits of a right side.

        Args:
            right: The right side.
            derived: The terms that should stand there, as far as they could be derived.
        """
        yield from self._terms(right, derived or [])
        yield from self._signs(right)
        yield from self._transposes(right)
        yield from self.times(right)
        yield from self._products(right)
        yield from self._sums(right)
        yield from self._symbols(right)
        yield from self._functions(right)
        yield from self._factors(right)

    def show(self, term: Term) -> str:
        """The term in the page's letters."""
        return latex(term, self.style)

    # ------------------------------------------------------------------------------------------- whole terms

    def _terms(self, right: Term, derived: list[Term]) -> Iterator[LineEdit]:
        for path, term in walk(right):
            if isinstance(term, Add) and len(term.terms) > 1:
                for k, one in enumerate(term.terms):
                    rest = added([*term.terms[:k], *term.terms[k + 1 :]])
                    yield LineEdit(replaced(right, path, rest), f"the term {self.show(one)} is too many")
        nothing = right == Num(0.0)
        for one in derived:
            yield LineEdit(one if nothing else added([right, one]), f"the term {self.show(one)} is missing")
            inner = one.arg if isinstance(one, SumT) else one
            if isinstance(right, SumT):
                yield LineEdit(replace(right, arg=added([right.arg, inner])), f"the term {self.show(inner)} is missing")
        for k, one in enumerate(derived):
            for other in derived[k + 1 :]:
                sentence = f"the terms {self.show(one)} and {self.show(other)} are missing"
                yield LineEdit(added([right, one, other]), sentence)

    def _signs(self, right: Term) -> Iterator[LineEdit]:
        yield LineEdit(_negative(right), "the sign is wrong")
        for path, term in walk(right):
            if isinstance(term, Add):
                for k, one in enumerate(term.terms):
                    new = replaced(right, path, Add((*term.terms[:k], _negative(one), *term.terms[k + 1 :])))
                    bare = one.arg if isinstance(one, Neg) else one
                    yield LineEdit(new, f"the sign of {self.show(bare)} is wrong")
            elif isinstance(term, Neg) and path:
                yield LineEdit(replaced(right, path, term.arg), f"the sign of {self.show(term.arg)} is wrong")

    # ----------------------------------------------------------------------------------------------- factors

    def _transposes(self, right: Term) -> Iterator[LineEdit]:
        for path, term in walk(right):
            if isinstance(term, Transpose):
                yield LineEdit(
                    replaced(right, path, term.arg), f"{self.show(term.arg)} is transposed and should not be"
                )
            elif isinstance(term, (Sym, Adj)) and not _below_transpose(right, path):
                yield LineEdit(replaced(right, path, Transpose(term)), f"{self.show(term)} should be transposed")
            if isinstance(term, Dot) and len(term.factors) == 2:
                a, b = term.factors
                yield LineEdit(replaced(right, path, Dot((b, a))), "the factors stand in the wrong order")
                turned = Dot((_transposed(b), _transposed(a)))
                yield LineEdit(replaced(right, path, turned), f"{self.show(term)} should be transposed")
            if isinstance(term, Dot) and len(term.factors) == 3:
                for order in itertools.permutations(term.factors):
                    yield LineEdit(replaced(right, path, Dot(order)), "the factors stand in the wrong order")
            if isinstance(term, Outer):
                swapped = Outer(term.right, term.left)
                yield LineEdit(
                    replaced(right, path, swapped), "the factors of the outer product stand in the wrong order"
                )

    def times(self, right: Term) -> Iterator[LineEdit]:
        """Edits of the times alone."""
        for path, term in walk(right):
            if isinstance(term, Adj) and term.part not in ("", "step"):
                own = replace(term, part="step")  # ∂L_t/∂h_t, for ∂L_{t-1}/∂h_t or ∂L_t/∂h_{t-1}
                for new in (own, shifted(own, int(term.part.removeprefix("step")))):
                    yield LineEdit(replaced(right, path, new), _belongs(self.show, term, new))
            if isinstance(term, Jacobian):
                for step in (-1, 1):
                    for new in (replace(term, of=shifted(term.of, step)), replace(term, by=shifted(term.by, step))):
                        yield LineEdit(replaced(right, path, new), _belongs(self.show, term, new))
            if isinstance(term, (Sym, Adj)):
                time = term.time if isinstance(term, Sym) else term.of.time
                if time is None or time.anchor != "t":
                    continue
                for step in (-1, 1, -2, 2):
                    new = shifted(term, step)
                    yield LineEdit(replaced(right, path, new), _belongs(self.show, term, new))
        for path, term in walk(right):
            if isinstance(term, (Had, Dot, Outer, Add)):
                for step in (-1, 1):
                    new = shifted(term, step)
                    yield LineEdit(replaced(right, path, new), _belongs(self.show, term, new))

    def _products(self, right: Term) -> Iterator[LineEdit]:
        for path, term in walk(right):
            if isinstance(term, Had) and len(term.factors) == 2:
                a, b = term.factors
                for new, words in ((Outer(a, b), "an outer product"), (Dot((a, b)), "a matrix product")):
                    yield LineEdit(replaced(right, path, new), f"{words} belongs where ⊙ stands")
                yield LineEdit(replaced(right, path, Dot((a, Transpose(b)))), "an outer product belongs where ⊙ stands")
            elif isinstance(term, Dot) and len(term.factors) == 2:
                yield LineEdit(replaced(right, path, Had(term.factors)), "an elementwise product belongs there")
            elif isinstance(term, Outer):
                yield LineEdit(
                    replaced(right, path, Had((term.left, term.right))), "an elementwise product belongs there"
                )

    def _sums(self, right: Term) -> Iterator[LineEdit]:
        for path, term in walk(right):
            if isinstance(term, (Had, Dot)) and len(term.factors) == 2:
                yield LineEdit(replaced(right, path, Add(term.factors)), "a sum belongs where a product stands")
        if not isinstance(right, SumT):
            yield LineEdit(SumT(right), "the sum over time is missing")
        yield LineEdit(SumB(right), "the sum over the batch is missing")
        for path, term in walk(right):
            if isinstance(term, SumT):
                yield LineEdit(replaced(right, path, term.arg), "there should be no sum over time")
                if term.low is not None or term.high is not None:
                    yield LineEdit(replaced(right, path, SumT(term.arg)), "the bounds of the sum are wrong")
            elif isinstance(term, SumB):
                yield LineEdit(replaced(right, path, term.arg), "there should be no sum over the batch")

    # --------------------------------------------------------------------------------------------- functions

    def _functions(self, right: Term) -> Iterator[LineEdit]:
        yield from self._activated_twice(right)
        names = ("sigmoid", "tanh")
        for path, term in walk(right):
            if isinstance(term, Apply):
                for name in (*names, *(f"function {n}" for n in self.reading.functions)):
                    for order in (0, 1):
                        fn = Fn(name, order)
                        if fn != term.fn:
                            new: Term = Apply(fn, term.arg)
                            yield LineEdit(replaced(right, path, new), _belongs(self.show, term, new))
                yield LineEdit(replaced(right, path, term.arg), _belongs(self.show, term, term.arg))
            elif isinstance(term, (Sym, Pow)):
                base = term.base if isinstance(term, Pow) else term
                for name in names:
                    inside = Apply(Fn(name), base)
                    new = replace(term, base=inside) if isinstance(term, Pow) else inside
                    yield LineEdit(replaced(right, path, new), _belongs(self.show, term, new))
            if isinstance(term, Had):
                yield from self._slopes(right, path, term)
            if (square := _one_minus_square(term)) is not None:
                new = Had((square, Add((Num(1.0), Neg(square)))))
                yield LineEdit(replaced(right, path, new), _belongs(self.show, term, new))
            if (one := _one_minus(term)) is not None:
                if not isinstance(one, (Had, Pow, Dot)):
                    new = Add((Num(1.0), Neg(Pow(one, 2))))
                    yield LineEdit(replaced(right, path, new), _belongs(self.show, term, new))
                yield LineEdit(replaced(right, path, one), _belongs(self.show, term, one))

    def _activated_twice(self, right: Term) -> Iterator[LineEdit]:
        """σ(o) where o belongs, which is a σ already."""
        for term in dict.fromkeys(t for t in right.subterms if isinstance(t, Apply) and isinstance(t.arg, Sym)):
            made = self.reading.values.get(term.arg.name)
            if made is not None and isinstance(made.right, Apply) and made.right.fn == term.fn:
                yield LineEdit(
                    mapped(right, _once(term)), f"{_belongs(self.show, term, term.arg)}, which is activated already"
                )

    def _slopes(self, right: Term, path: tuple[Any, ...], term: Had) -> Iterator[LineEdit]:
        """v ⊙ (1 − v) where 1 − v² belongs."""
        for a, one in enumerate(term.factors):
            for b, other in enumerate(term.factors):
                if a != b and _one_minus(other) == one:
                    square = Add((Num(1.0), Neg(Pow(one, 2))))
                    rest = [f for k, f in enumerate(term.factors) if k not in (a, b)]
                    new = Had((*rest, square)) if rest else square
                    sentence = f"{self.show(Had((one, other)))} stands where {self.show(square)} belongs"
                    yield LineEdit(replaced(right, path, new), sentence)

    # ----------------------------------------------------------------------------------------------- symbols

    def _symbols(self, right: Term) -> Iterator[LineEdit]:
        for path, term in walk(right):
            for new in self._others(term):
                yield LineEdit(replaced(right, path, new), _belongs(self.show, term, new))

    def _others(self, term: Term) -> Iterator[Term]:
        """What may have been meant by a symbol: another quantity of its shape, 1 minus it, another's adjoint."""
        if isinstance(term, Sym) and term.name in self.sizes:
            yield from (Sym(name, term.time) for name in self._alike(term.name))
            yield _one_less(term)
        elif isinstance(term, Adj) and term.of.name in self.sizes:
            yield from (replace(term, of=Sym(name, term.of.time)) for name in self._alike(term.of.name))
        elif isinstance(term, Sym) and (meaning := self.meanings.get(term.name)) is not None and meaning.of is not None:
            yield from (Adj(Sym(name, term.time or NOW), "?") for name in self._alike(meaning.of))

    def _alike(self, name: Name) -> list[Name]:
        """Other quantities of the same kind: those of the same shape, then parameters of another."""
        kinds = (set(self.reading.parameters), {*self.reading.values, *self.reading.inputs, *self.reading.targets})
        kind = next((k for k in kinds if name in k), set())
        others = [n for n in self.sizes if n in kind and n != name]
        alike = [n for n in others if self.sizes[n] == self.sizes[name]]
        unlike = [n for n in others if n not in alike] if name in self.reading.parameters else []
        return [*sorted(alike, key=is_hidden), *unlike]

    def _factors(self, right: Term) -> Iterator[LineEdit]:
        for path, term in walk(right):
            if isinstance(term, (Had, Dot)):
                for k, one in enumerate(term.factors):
                    rest = (*term.factors[:k], *term.factors[k + 1 :])
                    new = rest[0] if len(rest) == 1 else replace(term, factors=rest)
                    yield LineEdit(replaced(right, path, new), f"the factor {self.show(one)} is too many")
        for path, term in self._factor_places(right):
            for one in self._possible_factors():
                new = Had((*term.factors, one)) if isinstance(term, Had) else Had((term, one))
                yield LineEdit(replaced(right, path, new), f"the factor {self.show(one)} is missing")
        for path, term in walk(right):
            if isinstance(term, (Sym, Adj, Dot)) and not isinstance(term, Had):
                for one in self.reading.parameters:
                    for factor in (Sym(one), Transpose(Sym(one))):
                        for new in (Dot((factor, term)), Dot((term, factor))):
                            yield LineEdit(replaced(right, path, new), f"the factor {self.show(factor)} is missing")

    def _factor_places(self, right: Term) -> Iterator[tuple[tuple[Any, ...], Term]]:
        """Where an elementwise factor may be missing: at terms of sums, blocks of stacks, factors of products."""
        for path, term in walk(right):
            if isinstance(term, (Had, Dot, Sym, Adj, Apply)) or (isinstance(term, Add) and _one_minus(term) is None):
                yield path, term

    def _possible_factors(self) -> Iterator[Term]:
        for name in self.reading.values:
            for offset in (0,) if name in self.reading.totals else (0, -1, 1):
                value = shifted(self.reading.at(name), offset)
                if is_hidden(name):
                    continue
                yield value
                yield _one_less(value)
                yield Add((Num(1.0), Neg(Pow(value, 2))))
                yield Had((value, _one_less(value)))
                if not offset:
                    yield Apply(Fn("tanh"), value)
                    yield Add((Num(1.0), Neg(Pow(Apply(Fn("tanh"), value), 2))))
        yield Num(2.0)
        yield Num(0.5)


def _once(term: Apply) -> Callable[[Term], Term]:
    return lambda other: term.arg if other == term else other


def _belongs(show: Callable[[Term], str], old: Term, new: Term) -> str:
    return f"{show(old)} stands where {show(new)} belongs"


def _negative(term: Term) -> Term:
    if isinstance(term, Neg):
        return term.arg
    return Add(tuple(_negative(t) for t in term.terms)) if isinstance(term, Add) else Neg(term)


def _transposed(term: Term) -> Term:
    return term.arg if isinstance(term, Transpose) else Transpose(term)


def _below_transpose(root: Term, path: tuple[Any, ...]) -> bool:
    above = next((t for p, t in walk(root) if p == path[:-1]), None)
    return bool(path) and path[-1] == ("arg",) and isinstance(above, Transpose)


def _one_less(term: Term) -> Term:
    return Add((Num(1.0), Neg(term)))


def _one_minus(term: Term) -> Term | None:
    """v, of 1 − v."""
    is_it = isinstance(term, Add) and len(term.terms) == 2 and term.terms[0] == Num(1.0)
    return term.terms[1].arg if is_it and isinstance(term.terms[1], Neg) else None


def _one_minus_square(term: Term) -> Term | None:
    """v, of 1 − v² or 1 − v ⊙ v."""
    square = _one_minus(term)
    if isinstance(square, Pow) and square.exponent == 2:
        return square.base
    if isinstance(square, (Had, Dot)) and len(square.factors) == 2 and square.factors[0] == square.factors[1]:
        return square.factors[0]
    return None
