r"""Chain rules with Jacobians, `\frac{\partial L}{\partial h_t} \frac{\partial h_t}{\partial o_t}`, made evaluable.

No Jacobian is formed: beside an adjoint, ∂a/∂b stands for the way back from a, through its equation, to b. If that
equation reads b, only this direct way counts (∂ is direct); otherwise all ways within the step count. Whether the
author multiplies from the left, from the right or elementwise does not matter.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from lstm_ref.written.derive import Deriver
from lstm_ref.written.reading import BackwardLine, Reading
from lstm_ref.written.terms import Adj, Dot, Had, Jacobian, Name, Num, Sym, Term, Transpose, mapped


def without_jacobians(term: Term, deriver: Deriver, said: dict[Name, Sym]) -> Term:
    """The term with every chain of an adjoint and Jacobians replaced. Anything else stays.

    Args:
        term: A side of an equation.
        deriver: Of its page.
        said: Symbols that the page says to be adjoints, with the quantity that each is the adjoint of.
    """

    def change(one: Term) -> Term:
        if not isinstance(one, (Dot, Had)) or not any(_jacobian(f) for f in one.factors):
            return one
        if any(_is_by_later(f) for f in one.factors):
            return Num(0.0)
        factors = [_as_adjoint(f, said) for f in one.factors]
        while (shorter := _once(factors, deriver)) is not None:
            factors = shorter
        if any(_jacobian(f) for f in factors):  # links that do not meet: as written, for corrections
            return one
        return factors[0] if len(factors) == 1 else type(one)(tuple(factors))

    return mapped(term, change)


def said_to_be(reading: Reading) -> dict[Name, Sym]:
    """The symbols that a line of the page says to be adjoints, each with its quantity."""
    lines = ((line.left, line.right) for line in reading.lines)
    return {left.name: right.of for left, right in lines if isinstance(left, Sym) and isinstance(right, Adj)}


def jacobian_line(line: BackwardLine, deriver: Deriver) -> BackwardLine | None:
    """`∂h_t/∂c_t = o_t ⊙ …` as an equation of what both sides do to the adjoint of h_t: elementwise for a vector on the
    right, else as a matrix. None for any other line, or where a rule is missing.

    Args:
        line: The line.
        deriver: Of its page.
    """
    jacobian = _jacobian(line.left)
    if jacobian is None:
        return None
    sign = Adj(jacobian.of, "?")
    left = deriver.through(jacobian.of, jacobian.by, sign)
    shape, own = deriver.shape(line.right), deriver.shape(jacobian.of)
    if left is None or shape is None or own is None:
        return None
    if shape == own:
        return replace(line, left=left, right=Had((sign, line.right)), jacobian=line.left)
    return replace(line, left=left, right=Dot((Transpose(line.right), sign)), jacobian=line.left)


def _as_adjoint(term: Term, said: dict[Name, Sym]) -> Term:
    """δ_h as ∂L/∂h, where the page says so."""
    if isinstance(term, Transpose):
        return replace(term, arg=_as_adjoint(term.arg, said))
    if isinstance(term, Sym) and term.name in said:
        return Adj(replace(said[term.name], time=term.time), "?")
    return term


def _once(factors: list[Any], deriver: Deriver) -> list[Any] | None:
    """The factors with one Jacobian brought into the chain beside it."""
    for k, (left, right) in enumerate(itertools.pairwise(factors)):
        for adjoint, jacobian in ((left, _jacobian(right)), (right, _jacobian(left))):
            if jacobian is None or not isinstance(adjoint, (Adj, _Chain)) or adjoint.of != jacobian.of:
                continue
            sign = adjoint.term if isinstance(adjoint, _Chain) else adjoint
            term = deriver.through(jacobian.of, jacobian.by, sign)
            if term is not None:
                return _settled([*factors[:k], _Chain(jacobian.by, term), *factors[k + 2 :]])
    return None


def _settled(factors: list[Any]) -> list[Any]:
    """Chains that no Jacobian continues, as plain terms."""
    more = {j.of for f in factors if (j := _jacobian(f)) is not None}
    return [f.term if isinstance(f, _Chain) and f.of not in more else f for f in factors]


class _Chain:
    """A chain as far as it has been followed: a term, and the quantity whose adjoint it is a part of."""

    def __init__(self, of: Sym, term: Term) -> None:
        self.of, self.term = of, term


def _is_by_later(term: Term) -> bool:
    """Whether it is a derivative by what comes in a later step: 0, as nothing depends on what comes later."""
    jacobian = _jacobian(term)
    times = [] if jacobian is None else [jacobian.of.time, jacobian.by.time]
    of, by = times if len(times) == 2 else (None, None)
    return of is not None and by is not None and of.anchor == by.anchor and of.offset < by.offset


def _jacobian(term: Term) -> Jacobian | None:
    inner = term.arg if isinstance(term, Transpose) else term
    return inner if isinstance(inner, Jacobian) else None
