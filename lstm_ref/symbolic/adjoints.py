"""The derived side: the adjoint of everything that a sum of terms is made of, by one sweep from the newest atom back.

An atom y = f(v) with adjoint ȳ hands ȳ f'(v) on to its argument v. A polynomial hands to each factor of each of its
terms what stands beside the factor, with the factor's labels free, and all others summed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

from lstm_ref.symbolic.functions import SLOPES
from lstm_ref.symbolic.sizes import CannotProve
from lstm_ref.symbolic.terms import (
    IDEMPOTENT,
    ONE,
    SIZE,
    ZERO,
    Atom,
    Monomial,
    Polynomial,
    labels_of,
    opened,
    value,
)

APART = 1000
"""More than any array has axes: labels from here on are those of a second polynomial."""


def adjoints(total: Polynomial, known: Mapping[Atom, Polynomial]) -> Mapping[Atom, Polynomial]:
    """The derivative of a sum without free labels with respect to every atom that it depends on.

    Args:
        total: The sum.
        known: Adjoints that are given: what is handed on from these atoms is this, and not the one that is found.

    Returns:
        By atom its adjoint, as found, with the labels 0, 1, … of the atom.

    Raises:
        CannotProve: The derivative of a function is not known.
    """
    return _swept(total, known) if known else _of_total(total)


@lru_cache(maxsize=16)
def _of_total(total: Polynomial) -> dict[Atom, Polynomial]:
    """Kept, as many a claim is made of one sum: of each of the loop's, one by every mutant of its backward pass."""
    return _swept(total, {})


def _swept(total: Polynomial, known: Mapping[Atom, Polynomial]) -> dict[Atom, Polynomial]:
    found: dict[Atom, Polynomial] = defaultdict(lambda: ZERO)
    _hand_on(ONE, total, found)
    left = set(found)
    while left:
        newest = max(left)  # its readers are newer, and have handed on already
        left.remove(newest)
        above = known.get(newest, found[newest])
        if newest.argument is None or not above:
            continue
        if newest.kind not in SLOPES:
            raise CannotProve(f"the derivative of {newest.kind}")
        slope = SLOPES[newest.kind](value(newest), newest.argument)
        left |= _hand_on(above * slope, newest.argument, found)
    return dict(found)


def _hand_on(above: Polynomial, argument: Polynomial, found: dict[Atom, Polynomial]) -> set[Atom]:
    """Adds what a polynomial with this adjoint hands to its factors; these, without those that have no derivative."""
    free = {**above.free, **argument.free}
    reached = set()
    for monomial, coefficient in argument.terms.items():
        loose, bound = opened(monomial, APART)
        sizes = {**free, **bound}
        for n, (a, labels, power) in enumerate(loose):
            if a.kind == SIZE or a.kind in IDEMPOTENT:
                continue
            if len(set(labels)) < len(labels):
                raise CannotProve(f"the derivative with respect to a diagonal of {a}")
            beside: Monomial = (*loose[:n], *loose[n + 1 :])
            if power != 1:
                beside = (*beside, (a, labels, power - 1))
            rest = above * _of_one(beside).scaled(coefficient * power)
            for label, size in sizes.items():
                if label not in labels:
                    rest = rest.summed(label, size)
            found[a] = found[a] + rest.relabelled({label: k for k, label in enumerate(labels)})
            reached.add(a)
    return reached


def _of_one(monomial: Monomial) -> Polynomial:
    """The monomial without bound labels as a polynomial."""
    assert all(label >= 0 for label in labels_of(monomial))
    return Polynomial({tuple(sorted(monomial)): ONE.terms[()]})
