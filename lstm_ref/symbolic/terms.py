"""The normal form: polynomials of indexed values, summed over the indices that are bound.

    Σ_d x[b, d] w[d, h] + b[h]          x, w, b: atoms          b, h: free labels          d: a bound label

An atom is an input of the code, or the value of a function at a polynomial: σ(·), tanh(·), 1/·. Two polynomials that
differ by the names of bound labels, by the order of factors or of terms, or by like terms not yet added up, have one
and the same normal form: equality is equality of the data. Coefficients are exact rationals, floats included.

Free labels are 0, 1, …: the axes of the array whose element it is. Bound labels are -1, -2, …
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

from lstm_ref.symbolic.sizes import CannotProve, Size

INPUT, IS, SIZE, MASK, STEP = "input", "is", "size", "mask", "step"
"""What an atom is beside a function of its argument: a value from outside; a name for its argument; a size; 0 or 1
from outside; 1 where its argument is positive, else 0."""
IDEMPOTENT = (MASK, STEP)
"""What equals its own square."""


class Atom(int):
    """A value with labels. It is a number, later atoms larger ones, by which factors are put in order."""

    kind: str
    name: str
    sizes: tuple[Size, ...]
    """The size over which each of its labels runs."""
    argument: Polynomial | None
    """What the function is applied to, with the labels 0, 1, …; None for what comes from outside."""

    def __repr__(self) -> str:
        return self.name or self.kind


Labels = tuple[int, ...]
Factor = tuple[Atom, Labels, Any]
"""An atom, its labels, and the power to which it is raised."""
Monomial = tuple[Factor, ...]

_ATOMS: dict[Any, Atom] = {}


def atom(kind: str, name: str = "", sizes: tuple[Size, ...] = (), argument: Polynomial | None = None) -> Atom:
    """The atom that is this; always the same one. A function's name is empty unless the code gives its value one."""
    key = kind, name, sizes, argument
    if key not in _ATOMS:
        new = Atom(len(_ATOMS))
        new.kind, new.name, new.sizes, new.argument = key
        _ATOMS[key] = new
    return _ATOMS[key]


class Polynomial:
    """A sum of monomials in normal form, each with its coefficient."""

    __slots__ = ("__dict__", "terms")

    def __init__(self, terms: Mapping[Monomial, Fraction]) -> None:
        self.terms = terms

    @cached_property
    def _hash(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polynomial) and self.terms == other.terms

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __add__(self, other: Polynomial) -> Polynomial:
        few, many = sorted((self.terms, other.terms), key=len)
        return _added(dict(many), few.items())

    def __neg__(self) -> Polynomial:
        return self.scaled(Fraction(-1))

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + -other

    def __mul__(self, other: Polynomial) -> Polynomial:
        one = other.number
        if one is not None:
            return self.scaled(one)
        one = self.number
        if one is not None:
            return other.scaled(one)
        return _added({}, (_times(mine, theirs) for mine in self.terms.items() for theirs in other.terms.items()))

    def scaled(self, by: Fraction) -> Polynomial:
        """Times a number."""
        return Polynomial({m: c * by for m, c in self.terms.items()}) if by else ZERO

    @property
    def number(self) -> Fraction | None:
        """The number that it is, if it is one."""
        if not self.terms:
            return Fraction(0)
        return self.terms.get(()) if len(self.terms) == 1 else None

    @property
    def single(self) -> tuple[Monomial, Fraction] | None:
        """Its only term, if there is just one, and nothing is summed in it."""
        if len(self.terms) != 1:
            return None
        ((monomial, coefficient),) = self.terms.items()
        return None if any(label < 0 for label in labels_of(monomial)) else (monomial, coefficient)

    @property
    def alone(self) -> tuple[Atom, Labels] | None:
        """The atom that it is, and its labels, if it is one, once and to the power 1."""
        if self.single:
            monomial, coefficient = self.single
            if coefficient == 1 and len(monomial) == 1 and monomial[0][2] == 1:
                return monomial[0][:2]
        return None

    @cached_property
    def atoms(self) -> frozenset[Atom]:
        """The atoms in it, but not those within their arguments."""
        return frozenset(a for monomial in self.terms for a, _, _ in monomial)

    @cached_property
    def free(self) -> dict[int, Size]:
        """Its free labels in order, each with its size."""
        found = {label: size for m in self.terms for label, size in labels_of(m).items() if label >= 0}
        return dict(sorted(found.items()))

    def relabelled(self, new: Mapping[int, int]) -> Polynomial:
        """With free labels renamed; those not mentioned stay."""
        if all(new.get(label, label) == label for label in self.free):
            return self
        return _added({}, (normal(_relabelled(m, new), c) for m, c in self.terms.items()))

    def summed(self, label: int, size: Any) -> Polynomial:
        """Its sum over a free label; what does not depend on it comes as often as the size says."""
        terms = []
        for m, c in self.terms.items():
            here = labels_of(m)
            if label in here:
                terms.append(normal(_relabelled(m, {label: min(here) - 1 if min(here) < 0 else -1}), c))
            else:
                terms += _times_size(m, c, size)
        return _added({}, terms)


Term = tuple[Monomial, Fraction]


def _added(terms: dict[Monomial, Fraction], more: Iterable[Term]) -> Polynomial:
    for monomial, coefficient in more:
        total = terms.get(monomial, 0) + coefficient
        if total:
            terms[monomial] = total
        else:
            terms.pop(monomial, None)
    return Polynomial(terms)


def _times(mine: Term, theirs: Term) -> Term:
    """Product of two terms, the bound labels of the second renamed apart."""
    (one, m), (two, n) = mine, theirs
    lowest = min((label for _, labels, _ in one for label in labels), default=0)
    if lowest < 0:
        two = tuple((a, tuple([k + lowest if k < 0 else k for k in labels]), p) for a, labels, p in two)
    return normal(one + two, m * n)


def _times_size(monomial: Monomial, coefficient: Fraction, size: Any) -> Iterator[Term]:
    for m, c in number(size).terms.items():
        yield _times((monomial, coefficient), (m, c))


def _relabelled(monomial: Monomial, new: Mapping[int, int]) -> Monomial:
    return tuple([(a, tuple([new.get(k, k) for k in labels]), p) for a, labels, p in monomial])


def labels_of(monomial: Monomial) -> dict[int, Size]:
    """The labels of a monomial, each with its size."""
    return {label: size for a, labels, _ in monomial for label, size in zip(labels, a.sizes, strict=True)}


# -------------------------------------------------------------------------------------------------- the normal form


def normal(factors: Iterable[Factor], coefficient: Fraction) -> Term:
    """The normal form of one product: powers added up, idempotents once, bound labels by their place."""
    powers: dict[tuple[Atom, Labels], Any] = {}
    for a, labels, power in factors:
        powers[a, labels] = powers.get((a, labels), 0) + power
    kept: list[Factor] = []
    lost: list[Factor] = []
    for (a, labels), power in powers.items():
        if a.kind in IDEMPOTENT and power:
            if power < 0:
                raise CannotProve(f"a division by {a}, which can be 0")
            power = 1
        (kept if power else lost).append((a, labels, power))
    if lost:  # Σ_k v_k / v_k is the number of its terms
        left = labels_of(tuple(kept))
        counted = {k: s for k, s in labels_of(tuple(lost)).items() if k < 0 and k not in left}
        for size in counted.values():
            ((monomial, n),) = number(size).terms.items()  # labels run over products of sizes
            kept, coefficient = [*kept, *monomial], coefficient * n
        if counted:
            return normal(kept, coefficient)
    return canonical(kept), coefficient


def canonical(factors: list[Factor]) -> Monomial:
    """The factors in order, with the bound labels so named that the whole is smallest.

    A label is first told apart by the places at which it stands; where places do not tell, all orders are tried.
    """
    if len(factors) > 1:
        factors = sorted(factors)
    bound = list(dict.fromkeys(k for _, labels, _ in factors for k in labels if k < 0))
    if not bound:
        return tuple(factors)
    found = {k: -1 - n for n, k in enumerate(bound)}
    named_so = all(k == new for k, new in found.items())
    first = tuple(factors) if named_so else tuple(sorted(_relabelled(tuple(factors), found)))
    if len(bound) == 1:
        return first
    return _smallest(first, len(bound))


@lru_cache(maxsize=1 << 16)
def _smallest(monomial: Monomial, number_bound: int) -> Monomial:
    bound = range(-number_bound, 0)
    colours: dict[int, Any] = dict.fromkeys(bound, 0)
    while True:
        places: dict[int, list[Any]] = {k: [] for k in bound}
        for a, labels, power in monomial:
            seen = tuple(k if k >= 0 else (-1, colours[k]) for k in labels)
            around = tuple((k, 0) if isinstance(k, int) else k for k in seen)
            for at, k in enumerate(labels):
                if k < 0:
                    places[k].append((a, at, power, around))
        ranks = {v: n for n, v in enumerate(sorted({(colours[k], tuple(sorted(places[k]))) for k in bound}))}
        new = {k: ranks[colours[k], tuple(sorted(places[k]))] for k in bound}
        if len(set(new.values())) == len(set(colours.values())):
            break
        colours = new
    classes = [[k for k in bound if colours[k] == c] for c in sorted(set(colours.values()))]
    orders = itertools.product(*(itertools.permutations(c) for c in classes))
    return min(_in_order(monomial, itertools.chain.from_iterable(order)) for order in orders)


def _in_order(monomial: Monomial, order: Iterable[int]) -> Monomial:
    new = {k: -1 - n for n, k in enumerate(order)}
    return tuple(sorted(_relabelled(monomial, new)))


# --------------------------------------------------------------------------------------------------------- making


def value(a: Atom, labels: Labels | None = None) -> Polynomial:
    """The atom as a polynomial, by default with the labels 0, 1, …"""
    return Polynomial({((a, tuple(range(len(a.sizes))) if labels is None else labels, 1),): Fraction(1)})


def number(v: Any) -> Polynomial:
    """A number, exactly, or a size."""
    if isinstance(v, Size):
        terms: dict[Monomial, Fraction] = {}
        for letters, n in v.parts.items():
            factors = [(atom(SIZE, letter), (), 1) for letter in letters]
            terms[normal(factors, Fraction(1))[0]] = Fraction(n)
        return Polynomial(terms)
    try:
        exact = Fraction(v)
    except (TypeError, ValueError, OverflowError) as error:
        raise CannotProve(f"{v!r} is no number") from error
    return Polynomial({(): exact}) if exact else ZERO


ZERO = Polynomial({})
ONE = Polynomial({(): Fraction(1)})


def applied(kind: str, argument: Polynomial, name: str = "") -> Polynomial:
    """The function's value at the polynomial, as an atom: of its normal form, whatever its labels are called."""
    labels = tuple(argument.free)
    inner = argument.relabelled({label: k for k, label in enumerate(labels)})
    return value(atom(kind, name, tuple(argument.free.values()), inner), labels)


def named(name: str, of: Polynomial) -> Polynomial:
    """The value under a name of its own. Its derivative is still that of what it is."""
    if of.number is not None:
        return of
    if of.alone and not of.alone[0].name and of.alone[0].kind != STEP:
        function, labels = of.alone
        return value(atom(function.kind, name, function.sizes, function.argument), labels)
    return applied(IS, of, name)


def unnamed(of: Polynomial) -> Polynomial:
    """The polynomial that a name stands for; the polynomial itself if it is no name."""
    if of.alone and of.alone[0].kind == IS:
        name, labels = of.alone
        return name.argument.relabelled(dict(enumerate(labels)))  # type: ignore[union-attr]
    return of


def power(of: Polynomial, exponent: Any) -> Polynomial:
    """Raised to a rational power. A sum of several terms under a power that is not whole, or negative, is an atom."""
    if exponent == int(exponent) and exponent >= 0:
        result = ONE
        for _ in range(int(exponent)):
            result = result * of
        return result
    if of.single:
        monomial, coefficient = of.single
        whole = exponent == int(exponent)
        if whole or (coefficient == 1 and all(a.kind == SIZE for a, _, _ in monomial)):
            scale = coefficient ** int(exponent) if whole else Fraction(1)
            return _added({}, [normal([(a, labels, p * exponent) for a, labels, p in monomial], scale)])
    if not of:
        raise CannotProve("a division by 0")
    if exponent == int(exponent):
        return power(applied("reciprocal", of), -exponent)
    raise CannotProve(f"the power {exponent} of a sum")


def opened(monomial: Monomial, start: int) -> tuple[Monomial, dict[int, Size]]:
    """The monomial with its bound labels made free: start, start + 1, …; and these labels with their sizes."""
    bound = {k: s for k, s in labels_of(monomial).items() if k < 0}
    new = {k: start + n for n, k in enumerate(bound)}
    return _relabelled(monomial, new), {new[k]: s for k, s in bound.items()}


def replaced(of: Polynomial, change: Callable[[Atom], Polynomial | None]) -> Polynomial:
    """With polynomials in the place of atoms; None leaves an atom as it is."""
    changes = {a: new for a in of.atoms if (new := change(a)) is not None}
    if not changes:
        return of
    result: dict[Monomial, Fraction] = {}
    for monomial, coefficient in of.terms.items():
        if not any(a in changes for a, _, _ in monomial):
            _added(result, [(monomial, coefficient)])
            continue
        loose, bound = opened(monomial, 1000)  # no array has so many axes
        product = Polynomial({(): coefficient})
        for a, labels, p in loose:
            if a in changes:
                product = product * power(changes[a], p).relabelled(dict(enumerate(labels)))
            else:
                product = product * Polynomial({((a, labels, p),): Fraction(1)})
        for label, size in bound.items():
            product = product.summed(label, size)
        _added(result, product.terms.items())
    return Polynomial(result)
