"""What brackets, primes and digits mean on a page: calls of functions, derivatives, transposes, times."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from lstm_ref.written.parser import WrittenEquation
from lstm_ref.written.terms import (
    Add,
    Adj,
    Apply,
    Brackets,
    Div,
    Dot,
    Fn,
    Had,
    Jacobian,
    Name,
    Prime,
    Steps,
    SumI,
    SumT,
    Sym,
    Term,
    Time,
    Transpose,
    mapped,
)


def each(equations: Iterable[WrittenEquation], change: object) -> list[WrittenEquation]:
    """The equations with `change` applied to every term of them."""
    return [replace(e, sides=tuple(mapped(s, change) for s in e.sides)) for e in equations]  # type: ignore[arg-type]


def with_times(equations: list[WrittenEquation]) -> list[WrittenEquation]:
    """`h_0` as h at step 0, and Σ_k e_k as a sum over steps, where h and e have times elsewhere."""
    timed = {s.name for e in equations for side in e.sides for s in all_symbols(side) if s.time is not None}

    def read_digit(term: Term) -> Term:
        if isinstance(term, Sym) and term.time is None and re.fullmatch(r"\d+", term.name.below):
            bare = replace(term.name, below="")
            return Sym(bare, Time("", int(term.name.below))) if bare in timed else term
        if isinstance(term, Jacobian):
            return replace(term, of=read_digit(term.of), by=read_digit(term.by))
        return term

    def read_sum(term: Term) -> Term:
        return _over_steps(term, timed) if isinstance(term, SumI) else term

    return each(each(_with_numbers_of_steps(equations), read_digit), read_sum)


def _with_numbers_of_steps(equations: list[WrittenEquation]) -> list[WrittenEquation]:
    """`1/T` as one over the number of steps, where T stands below fractions alone."""
    every = [t for e in equations for side in e.sides for t in side.subterms]
    for last in (Sym(Name("T")), Sym(Name(r"\tau"))):
        below = sum(isinstance(t, Div) and t.under == last for t in every)
        if below and below == sum(t == last for t in every):
            divide = lambda t, last=last: replace(t, under=Steps()) if isinstance(t, Div) and t.under == last else t  # noqa: E731
            equations = each(equations, divide)
    return equations


def _over_steps(term: SumI, timed: set[Name]) -> Term:
    """Σ_k as a sum over steps, where k stands for nothing but the step of what has one."""
    read = list(all_symbols(term.arg))
    counted = [s for s in read if term.index in (s.name.below, s.name.above)]
    bare = lambda name: replace(name, **{k: "" for k in ("below", "above") if getattr(name, k) == term.index})  # noqa: E731
    others = any(s.time is not None and s.time.anchor == "t" for s in read)
    if not counted or others or not all(bare(s.name) in timed for s in counted):
        return term

    def now(one: Term) -> Term:
        if isinstance(one, Jacobian):
            return replace(one, of=now(one.of), by=now(one.by))
        return Sym(bare(one.name), Time()) if isinstance(one, Sym) and one in counted else one

    return SumT(mapped(term.arg, now))


def all_symbols(term: Term) -> Iterable[Sym]:
    """Every quantity of a term, those below derivatives too."""
    for one in term.subterms:
        if isinstance(one, Sym):
            yield one
        elif isinstance(one, Jacobian):
            yield from (one.of, one.by)
        elif isinstance(one, Adj):
            yield one.of


def function_letters(equations: list[WrittenEquation]) -> set[Name]:
    """Names that stand only before brackets, without time."""
    called: Counter[Name] = Counter()
    seen: Counter[Name] = Counter()
    for e in equations:
        for side in e.sides:
            for s in all_symbols(side):
                seen[s.name] += 1
            for term in side.subterms:
                if isinstance(term, Dot):
                    for first, second in zip(term.factors, term.factors[1:], strict=False):
                        head = first.arg if isinstance(first, Prime) else first
                        if isinstance(second, Brackets) and isinstance(head, Sym) and head.time is None:
                            called[head.name] += 1
    return {name for name, n in called.items() if n == seen[name] and _may_be_function(name)}


def _may_be_function(name: Name) -> bool:
    return name.letter in ("f", "g", "h", "a", "s", r"\phi", r"\theta", r"\varphi", r"\psi", r"\rho", "F", "G")


def resolved(e: WrittenEquation, functions: set[Name]) -> WrittenEquation:
    """Without brackets and primes: calls of functions, derivatives, transposes."""

    def called(term: Term) -> Term:
        if not isinstance(term, Dot):
            return term
        factors: list[Term] = []
        for factor in term.factors:
            before = factors[-1] if factors else None
            head = before.arg if isinstance(before, Prime) else before
            if isinstance(factor, Brackets) and isinstance(head, Sym) and head.name in functions:
                factors[-1] = Apply(Fn(f"function {head.name}", int(isinstance(before, Prime))), factor.arg)
            else:
                factors.append(factor)
        return factors[0] if len(factors) == 1 else Dot(tuple(factors))

    def bare(term: Term) -> Term:
        if isinstance(term, Brackets):
            return term.arg
        return Transpose(term.arg) if isinstance(term, Prime) else term

    sides = tuple(flat(mapped(mapped(s, called), bare)) for s in e.sides)
    return replace(e, sides=sides)


def flat(term: Term) -> Term:
    """Sums in sums and ⊙ in ⊙ made flat."""

    def change(one: Term) -> Term:
        if isinstance(one, Add) and any(isinstance(t, Add) for t in one.terms):
            return Add(tuple(x for t in one.terms for x in (t.terms if isinstance(t, Add) else (t,))))
        if isinstance(one, Had) and any(isinstance(t, Had) for t in one.factors):
            return Had(tuple(x for t in one.factors for x in (t.factors if isinstance(t, Had) else (t,))))
        return one

    return mapped(term, change)
