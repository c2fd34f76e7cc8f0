"""Which mistake explains a wrong gradient to all digits: one entry of the dictionary, or two of them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np

from lstm_ref.leaves import NamedArrays
from lstm_ref.mistakes.dictionary import CellDictionary, Mistake
from lstm_ref.mistakes.recurrence import ClaimedAdjoints, Recurrence
from lstm_ref.mistakes.source import CANNOT

PAIRS = 2000
"""Largest number of pairs tried: at a millisecond each, a few seconds."""


class Look(NamedTuple):
    """A claim at some cotangents: what the entries must explain."""

    recurrence: Recurrence
    claimed: NamedArrays
    truth: NamedArrays
    """NaN where the layout does not reach: the dictionary knows nothing about these elements."""


def explains(candidate: NamedArrays, look: Look, unit: float) -> float | None:
    """How far the candidate is from the claim, relative to the claim's arrays; None where it does not explain it.

    A candidate explains the claim if it agrees to √unit, half of the digits of this arithmetic, in every array,
    relative to the array's largest element; if it leaves at most a thousandth of the error in every wrong array, of
    which there must be one; and if it makes no right array wrong by more than a thousandth of that error.

    This is evidence, not proof. √unit assumes that rounding takes no more than half of the digits, otherwise a real
    mistake gets no name. The thousandth assumes that no other mistake comes so near. An entry drawn at random, as far
    from the truth as the claim is, would pass for one wrong element with probability 1/1000 or so, and for n
    independent ones with the n-th power of that: if only one element is wrong, the first of several hundred entries
    that fits may fit by chance. Entries are not random; a test measures how far apart they are.
    """
    found = _compared(candidate, _claims(look, unit), unit)
    return None if found is None or not found.explained else found.farthest


class _Claim(NamedTuple):
    """One array of a claim, where something is known about it."""

    path: str
    seen: np.ndarray
    value: np.ndarray
    size: float
    error: float
    """Distance from the truth, relative to the array's size."""
    wrong: bool


def _claims(look: Look, unit: float) -> list[_Claim]:
    """What does not depend on the candidate, made once for all of them."""
    found = []
    for path, value in look.claimed.items():
        seen = np.isfinite(look.truth[path])
        if seen.any():
            theirs, right = value[seen], look.truth[path][seen]
            size = max(float(np.max(np.abs(theirs))), float(np.max(np.abs(right)))) or 1.0
            error = float(np.max(np.abs(theirs - right))) / size
            found.append(_Claim(path, seen, theirs, size, error, error > unit**0.5))
    return found


class _Compared(NamedTuple):
    farthest: float
    """Distance of the candidate from the claim, relative to the array's size; the largest of all arrays."""
    explained: bool
    """Whether an array is wrong, and the candidate says how."""


def _compared(candidate: NamedArrays, claims: Sequence[_Claim], unit: float) -> _Compared | None:
    """None where the candidate contradicts the claim somewhere."""
    farthest, worst = 0.0, 0.0
    for claim in claims:
        distance = float(np.abs(candidate[claim.path][claim.seen] - claim.value).max()) / claim.size
        if not distance <= unit**0.5 or (claim.wrong and not distance * 1000 <= claim.error):
            return None
        farthest, worst = max(farthest, distance), max(worst, claim.error if claim.wrong else 0.0)
    if worst and not farthest * 1000 <= worst:
        return None
    return _Compared(farthest, worst > 0)


Tried = Sequence[tuple[Mistake, NamedArrays]]
"""Entries of the dictionary, and what each gives at one look."""


def tried(dictionary: CellDictionary, show: Callable[[ClaimedAdjoints], NamedArrays], look: Look) -> Tried:
    """The gradients of every single entry that can be computed at these sizes, shown in the claim's layout."""
    every = ((m, given_by(m, look.recurrence)) for m in dictionary.mistakes(look.recurrence.T))
    return [(m, show(given)) for m, given in every if given is not None]


def given_by(mistake: Mistake, r: Recurrence) -> ClaimedAdjoints | None:
    """The gradients with this mistake; None where edited equations do not fit the sizes, or each other."""
    try:
        with np.errstate(all="ignore"):  # a mistake may divide by zero
            given = mistake.gradients(r)
    except CANNOT:
        if not mistake.edits:
            raise
        return None
    leaves, expected = (jax.tree.leaves(v) for v in (given, (r.params, r.initial, r.xs)))
    return given if [np.shape(v) for v in leaves] == [np.shape(v) for v in expected] else None


def single(entries: Tried, look: Look, unit: float) -> list[Mistake]:
    """The entries that explain the claim at this look, the nearest first."""
    claims, found = _claims(look, unit), []
    for mistake, given in entries:
        compared = _compared(given, claims, unit)
        if compared is not None and compared.explained:
            found.append((compared.farthest > unit * 1000, mistake))
    return [mistake for _, mistake in sorted(found, key=lambda pair: pair[0])]


def pair(
    dictionary: CellDictionary, show: Callable[[ClaimedAdjoints], NamedArrays], looks: Sequence[Look], unit: float
) -> Mistake | None:
    """Two edits of the step, or one with a mistake between the steps, that explain the claim together.

    The last look is at the whole claim. The first should be one at the first step's output alone, where two mistakes
    mix least. If they did not mix at all, an element that one of them leaves alone would be as the other makes it.
    Pairs are tried in the order of how many elements contradict this, at most PAIRS of them. A pair whose mistakes mix
    in many elements may come too late, and is then not found; a pair that is found explains every look.
    """
    first = looks[0]
    entries = tried(dictionary, show, first)
    if not entries:
        return None
    made = np.stack([_seen(given, first) for _, given in entries])
    claim, right = _seen(first.claimed, first), _seen(first.truth, first)
    for a, b in _possible(made, claim, right, unit):
        both = _together(dictionary, entries[a][0], entries[b][0])
        if both is not None and _explains_all(both, looks, show, unit):
            return both
    return None


def _possible(made: np.ndarray, claim: np.ndarray, right: np.ndarray, unit: float) -> list[tuple[int, int]]:
    """The pairs to try: first those that no element contradicts, then those that few do (one mistake may read what the
    other changes); among equals, those with the fewest elements that both change."""
    size = np.abs(claim) + np.abs(right) + np.abs(right).max(initial=0.0)
    near = lambda a, b: np.nan_to_num(np.abs(a - b), nan=0.0) <= unit**0.5 * size  # noqa: E731
    changes = (~near(made, right)).astype(np.float32)
    leaves, misses = 1 - changes, (~near(made, claim)).astype(np.float32)
    missed = (~near(right, claim)).astype(np.float32)
    against = (changes * misses) @ leaves.T
    against = against + against.T + (leaves * missed) @ leaves.T
    both = changes @ changes.T
    a, b = np.triu_indices(len(made), 1)
    order = np.lexsort((both[a, b], against[a, b]))[:PAIRS]
    return [(int(a[n]), int(b[n])) for n in order]


def _seen(named: NamedArrays, look: Look) -> np.ndarray:
    """All elements that the layout reaches, flat."""
    return np.concatenate([named[path][np.isfinite(look.truth[path])] for path in look.claimed])


def _explains_all(
    mistake: Mistake, looks: Sequence[Look], show: Callable[[ClaimedAdjoints], NamedArrays], unit: float
) -> bool:
    """Whether it contradicts no look, and explains the last one: what goes from step to step is right at the first."""
    found = None
    for look in looks:
        given = given_by(mistake, look.recurrence)
        found = None if given is None else _compared(show(given), _claims(look, unit), unit)
        if found is None:
            return False
    return found is not None and found.explained


def _together(dictionary: CellDictionary, one: Mistake, two: Mistake) -> Mistake | None:
    """Both mistakes made; None where they are two edits of the same place, or both between the steps."""
    if one.edits and two.edits:
        overlap = {n for e in one.edits for n, _ in e.replacements} & {n for e in two.edits for n, _ in e.replacements}
        return None if overlap else dictionary.in_the_step(*one.edits, *two.edits)
    if not one.edits and not two.edits:
        return None
    step, between = (one, two) if one.edits else (two, one)
    edited = dictionary.cell._replace(backward=dictionary.step_with(step.edits))
    return Mistake(
        kind=step.kind,
        sentence=f"{step.sentence}; and {between.sentence}",
        tag=step.tag,
        page=step.page,
        gradients=lambda r: between.gradients(replace(r, cell=edited)),
        edits=step.edits,
    )
