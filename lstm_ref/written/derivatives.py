r"""Fractions that are derivatives: \frac{\partial L}{\partial h_t}, dL/dh_t; and the signs that they are made of."""

from __future__ import annotations

from dataclasses import dataclass

from lstm_ref.errors import BadInput
from lstm_ref.written.terms import Brackets, Div, Dot, Jacobian, Name, Node, Sym, Term


@dataclass(frozen=True)
class Partial(Node):
    """The sign ∂."""

    ordered: bool


@dataclass(frozen=True)
class Nabla(Node):
    """The sign ∇ with the quantity below it."""

    by: Sym | None


@dataclass(frozen=True)
class D(Node):
    """∂ of a term."""

    of: Term
    ordered: bool


LITTLE_D = Sym(Name("d"))


def bare_group(term: Term) -> Term:
    """What stands in brackets, without them."""
    while isinstance(term, Brackets):
        term = term.arg
    return term


def quotient(over: Term, under: Term) -> Term:
    """A fraction, which may be a derivative."""
    over, under = bare_group(over), bare_group(under)
    top, bottom = _derivative(over), _derivative(under)
    if top is None or bottom is None:
        if isinstance(over, (D, Partial)) or isinstance(under, D):
            raise BadInput(r"expected ∂ of one symbol above and below, as in \frac{\partial L}{\partial h_t}")
        return Div(over, under)
    return Jacobian(top.of, bottom.of, top.ordered or bottom.ordered)


def _derivative(term: Term) -> D | None:
    """`term` as ∂v or dv."""
    if isinstance(term, D):
        inside = bare_group(term.of)
        return D(inside, term.ordered) if isinstance(inside, Sym) else None
    is_it = isinstance(term, Dot) and len(term.factors) == 2 and term.factors[0] == LITTLE_D
    return D(term.factors[1], False) if is_it and isinstance(term.factors[1], Sym) else None
