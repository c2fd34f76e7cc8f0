"""Elementary functions of terms: which are atoms, which are polynomials of atoms, and the derivative of each.

Piecewise functions are polynomials of a step: max(x, y) = y + (x - y) [x > y]. [v > 0] is constant where v is not 0,
and [-v > 0] = 1 - [v > 0] there: what is proven with a step is proven away from the kinks of the function.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from lstm_ref.symbolic.terms import IS, ONE, STEP, ZERO, Atom, Polynomial, applied, number, power, replaced, value


def _is_negative(v: Polynomial) -> bool:
    """Whether the first of its terms has a minus: of v and -v, just one has."""
    return bool(v) and v.terms[min(v.terms)] < 0


def sigmoid_of(v: Polynomial) -> Polynomial:
    """σ(v); σ(-v) = 1 - σ(v)."""
    if not v:
        return number(Fraction(1, 2))
    return ONE - sigmoid_of(-v) if _is_negative(v) else applied("sigmoid", v)


def tanh_of(v: Polynomial) -> Polynomial:
    """tanh(v), which is odd."""
    return ZERO if not v else -tanh_of(-v) if _is_negative(v) else applied("tanh", v)


def exp_of(v: Polynomial) -> Polynomial:
    """e^v."""
    return applied("exp", v) if v else ONE


def sqrt_of(v: Polynomial) -> Polynomial:
    """√v."""
    return applied("sqrt", v)


def log_of(v: Polynomial) -> Polynomial:
    """ln v."""
    return applied("log", v)


def log_sigmoid_of(v: Polynomial) -> Polynomial:
    """ln σ(v)."""
    return applied("log_sigmoid", v)


def step_of(v: Polynomial) -> Polynomial:
    """1 where v > 0, else 0, for v that is not 0. A positive factor does not matter, nor a relu: [v [v > 0] > 0]."""
    if v.number is not None:
        return ONE if v.number > 0 else ZERO
    if _is_negative(v):
        return ONE - step_of(-v)
    v = v.scaled(1 / v.terms[min(v.terms)])
    for monomial in v.terms:
        for a, labels, _ in monomial:
            if a.kind == STEP:
                within = value(a, labels)
                positive = a.argument.relabelled(dict(enumerate(labels)))  # type: ignore[union-attr]
                if positive * within == v:
                    return within
    return applied(STEP, v)


def relu_of(v: Polynomial) -> Polynomial:
    """v [v > 0]."""
    return v * step_of(v)


def maximum_of(v: Polynomial, w: Polynomial) -> Polynomial:
    """w + (v - w) [v > w]."""
    return w + relu_of(v - w)


SLOPES: dict[str, Callable[[Polynomial, Polynomial], Polynomial]] = {
    IS: lambda y, v: ONE,
    "sigmoid": lambda y, v: y - y * y,
    "tanh": lambda y, v: ONE - y * y,
    "exp": lambda y, v: y,
    "log": lambda y, v: power(v, -1),
    "sqrt": lambda y, v: power(y, -1).scaled(Fraction(1, 2)),
    "reciprocal": lambda y, v: -(y * y),
    "log_sigmoid": lambda y, v: ONE - sigmoid_of(v),
}
"""The derivative of every function, of its value y and its argument v."""

WITHOUT_NAME: dict[str, Callable[[Polynomial], Polynomial]] = {
    IS: lambda v: v,
    "sigmoid": sigmoid_of,
    "tanh": tanh_of,
    "exp": exp_of,
    "log": log_of,
    "sqrt": sqrt_of,
    "reciprocal": lambda v: power(v, -1),
    "log_sigmoid": log_sigmoid_of,
    STEP: step_of,
}
"""The function itself, by which a value with a name is written out."""


def is_zero(v: Polynomial) -> bool:
    """Whether the polynomial is 0, by what its names stand for: they are written out, from the newest to the oldest,
    until nothing is left of it."""
    while v:
        names = frozenset().union(*map(_names_within, v.atoms))
        if not names:
            return False
        v = _without(v, max(names))
    return True


def _without(v: Polynomial, name: Atom) -> Polynomial:
    """The polynomial with what the name stands for in its place, within the functions' arguments too."""

    def change(a: Atom) -> Polynomial | None:
        if name not in _names_within(a):
            return None
        argument: Polynomial = a.argument  # type: ignore[assignment]  # what has names within has one
        return WITHOUT_NAME[a.kind](argument if a == name else _without(argument, name))

    return replaced(v, change)


@lru_cache(maxsize=1 << 16)
def _names_within(a: Atom) -> frozenset[Atom]:
    """The names that the atom is made of, itself among them."""
    if a.argument is None:
        return frozenset()
    return frozenset({a} if a.name else ()).union(*map(_names_within, a.argument.atoms))
