"""Adjoints by the signs that they are written with: ∂L/∂v, ∇, δv, dv, v̄; and the symbols δ that are open."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from functools import partial

from lstm_ref.written.brackets import each
from lstm_ref.written.builder import script_symbol
from lstm_ref.written.parser import WrittenEquation
from lstm_ref.written.terms import Add, Adj, Dot, Had, Jacobian, Name, Stack, Sym, Term, Transpose, symbols

LOSSES = ("L", "E", "J", r"\ell", r"\mathcal{L}", r"\mathcal{E}", r"\mathcal{J}", r"\mathrm{loss}", r"\mathrm{Loss}")
DELTAS = (r"\delta", r"\Delta", r"\epsilon", r"\varepsilon", r"\partial")
_PREFIXES = (r"\delta", r"\Delta", "d", r"\mathrm{d}")


def with_adjoints(
    equations: list[WrittenEquation], step: str, matrices: frozenset[str] = frozenset()
) -> list[WrittenEquation]:
    """The equations with adjoints in the places of the signs for them.

    Args:
        equations: All of a page.
        step: The letter that counts steps.
        matrices: Letters that the page writes with two indices: before a vector they are no sign for an adjoint.
    """
    equations = each(equations, partial(_prefixed, prefixes=[p for p in _PREFIXES if p != "d" or p not in matrices]))
    losses = _loss_names(equations)
    whole = any(
        isinstance(t, Jacobian) and t.of.name in losses and (t.of.time is None or t.ordered)
        for e in equations
        for s in e.sides
        for t in s.subterms
    )
    ordered = any(isinstance(t, Jacobian) and t.ordered for e in equations for s in e.sides for t in s.subterms)

    apart = whole or _adds_a_steps_loss(equations, losses)

    def derivative(term: Term) -> Term:
        if not isinstance(term, Jacobian) or term.of.name not in losses:
            return term
        if ordered:
            return Adj(term.by, "ordered" if term.ordered else "frac", "" if term.ordered else "step")
        own = apart and _is_of_step(term)
        return Adj(term.by, "step" if own else "frac", _step_part(term) if own else "")

    equations = each(equations, derivative)
    if _bars_are_adjoints(equations):
        equations = each(equations, _barred)
    defined = _forward_names(equations)

    def named(term: Term) -> Term:
        """δ_{c_t} and δ_c^t, where c is a value, are adjoints, though it is open whether of the value or of its
        pre-activation. Only a time in the label makes it certain that the label is a quantity."""
        if isinstance(term, Sym) and term.name.letter in DELTAS and term.name.below and not term.name.above:
            inner = script_symbol(term.name.below, step)
            if inner is not None and inner.time is not None and term.time is None and inner.name in defined:
                return Sym(replace(term.name, below=str(inner.name)), inner.time)
        return term

    return each(equations, named)


def loss_letters(equations: list[WrittenEquation]) -> tuple[str, str, bool]:
    """What the page derives, what it calls the loss of one step, and whether it writes ∂⁺.

    Args:
        equations: All of a page, before `with_adjoints`.
    """
    losses = _loss_names(equations)
    found = [
        t for e in equations for s in e.sides for t in s.subterms if isinstance(t, Jacobian) and t.of.name in losses
    ]
    whole, steps = (Counter(str(t.of.name) for t in found if _is_of_step(t) == of_step) for of_step in (False, True))
    usual = max(whole or steps or {"L": 1}, key=lambda letter: (whole or steps)[letter])
    return usual, max(steps, key=lambda letter: steps[letter]) if steps else usual, any(t.ordered for t in found)


def _is_of_step(term: Jacobian) -> bool:
    return term.of.time is not None and term.of.time.anchor == "t"


def _adds_a_steps_loss(equations: list[WrittenEquation], losses: set[Name]) -> bool:
    """Whether ∂L_t/∂v is a term of a sum, and never on the left, on a page with another sign for adjoints: it is what
    one step contributes."""
    is_loss = lambda t: isinstance(t, Jacobian) and t.of.name in losses and _is_of_step(t)  # noqa: E731
    lefts = [e.sides[0] for e in equations]
    terms = [t for e in equations for side in e.sides[1:] for t in (side.terms if isinstance(side, Add) else ())]
    others = any(isinstance(left, Adj) or _is_barred(left) or _is_delta(left) for left in lefts)
    return others and any(map(is_loss, terms)) and not any(map(is_loss, lefts))


def _is_delta(term: Term) -> bool:
    return isinstance(term, Sym) and term.name.letter in DELTAS


def _is_barred(term: Term) -> bool:
    return isinstance(term, Sym) and term.name.accent.startswith(r"\bar")


def _step_part(term: Jacobian) -> str:
    """ "step" for ∂L_t/∂h_t; "step-1" where the loss is of another step than the quantity."""
    assert term.of.time is not None
    apart = term.of.time.offset - (term.by.time.offset if term.by.time is not None else 0)
    return "step" + (f"{apart:+d}" if apart else "")


def _loss_names(equations: list[WrittenEquation]) -> set[Name]:
    numerators = {t.of.name for e in equations for s in e.sides for t in s.subterms if isinstance(t, Jacobian)}
    defined = _forward_names(equations)
    return {n for n in numerators if n.letter in LOSSES or n not in defined}


def _forward_names(equations: list[WrittenEquation]) -> set[Name]:
    found: set[Name] = set()
    for e in equations:
        left = e.sides[0]
        if isinstance(left, Sym):
            found.add(left.name)
        elif isinstance(left, Stack):
            found |= {s.name for s in symbols(left)}
        for side in e.sides[1:]:
            if isinstance(side, Stack) and all(isinstance(x, Sym) for row in side.rows for x in row):
                found |= {s.name for s in symbols(side)}
    return found


def _prefixed(term: Term, prefixes: Collection[str]) -> Term:
    """`\\delta c^t`, `dc_t` as adjoints."""
    if isinstance(term, Sym) and (found := re.fullmatch(r"\\mathrm\{d([A-Za-z])\}", term.name.letter)):
        return Adj(Sym(replace(term.name, letter=found[1]), term.time), "d")
    if not isinstance(term, (Dot, Had)):
        return term
    factors: list[Term] = []
    for factor in term.factors:
        before = factors[-1] if factors else None
        inner, wrap = (factor.arg, Transpose) if isinstance(factor, Transpose) else (factor, lambda v: v)
        is_mark = isinstance(before, Sym) and before.time is None and str(before.name) in prefixes
        if isinstance(term, Dot) and is_mark and isinstance(inner, Sym):
            factors[-1] = wrap(Adj(inner, str(before.name)))  # type: ignore[union-attr]
        else:
            factors.append(factor)
    return factors[0] if len(factors) == 1 else type(term)(tuple(factors))


def _bars_are_adjoints(equations: list[WrittenEquation]) -> bool:
    """Whether a bar means an adjoint: most barred symbols that are defined are defined from barred ones, and the page
    has no other sign for an adjoint."""
    verdicts: Counter[bool] = Counter()
    for e in equations:
        terms = [t for s in e.sides for t in s.subterms]
        if any(isinstance(t, Jacobian) or (isinstance(t, Adj) and t.part != "step") for t in terms):
            return False
        left = e.sides[0]
        if isinstance(left, Sym) and left.name.accent == r"\bar":
            verdicts[any(s.name.accent.startswith(r"\bar") for side in e.sides[1:] for s in symbols(side))] += 1
    return verdicts[True] >= verdicts[False] and bool(verdicts)


def _barred(term: Term) -> Term:
    if _is_barred(term):
        return Adj(Sym(replace(term.name, accent=term.name.accent.removeprefix(r"\bar")), term.time), "bar")
    return term


def said_to_be_adjoints(equations: list[WrittenEquation]) -> set[Name]:
    """The symbols ζ that a line ζ = ∂L/∂s makes adjoints."""
    pairs = ((e.sides[0], side) for e in equations for side in e.sides[1:])
    return {left.name for left, side in pairs if isinstance(left, Sym) and isinstance(side, Adj)}


def is_backward(e: WrittenEquation, said: set[Name]) -> bool:
    """Whether the equation belongs to the backward pass.

    Args:
        e: The equation.
        said: The symbols that the page says to be adjoints.
    """
    if any(s.name in said for side in e.sides for s in symbols(side)):
        return True
    if any(isinstance(t, (Adj, Jacobian)) for s in e.sides for t in s.subterms):
        return True
    return any(isinstance(s, Sym) and s.name.letter in DELTAS for s in symbols(e.sides[0])) or e.accumulates
