"""Which mistake explains a wrong gradient to all digits: one entry of the dictionary, or two of them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lstm_ref.mistakes.dictionary import Dictionary, Mistake
from lstm_ref.mistakes.recurrence import Gradients, Recurrence

Named = Mapping[str, np.ndarray]
PAIRS = 2000
"""Pairs tried at most: at a millisecond each, a few seconds."""


class Look(NamedTuple):
    """A claim at some cotangents: what the entries must explain."""

    recurrence: Recurrence
    claimed: Named
    truth: Named


def explains(candidate: Named, claimed: Named, truth: Named, unit: float) -> float | None:
    """How far the candidate is from the claim, relative to the claim's arrays; None where it does not explain it.

    It does where it agrees to half of the digits of this arithmetic, √unit, in every array (chance does not do that to
    several elements, and rounding does not take more of an ordinary problem), and where it leaves at most a thousandth
    of the error in every array that is wrong. Elements that are NaN in the candidate are not compared.
    """
    farthest = 0.0
    compared = False
    for path, value in claimed.items():
        seen = np.isfinite(candidate[path])
        if not seen.any():
            continue
        compared = True
        mine, theirs, right = candidate[path][seen], value[seen], truth[path][seen]
        distance, error = float(np.max(np.abs(mine - theirs))), float(np.max(np.abs(theirs - right)))
        size = max(float(np.max(np.abs(theirs))), float(np.max(np.abs(right))))
        if not distance <= unit**0.5 * size or (error > unit**0.5 * size and not distance * 1000 <= error):
            return None
        farthest = max(farthest, distance / size if size > 0 else 0.0)
    return farthest if compared else None


Tried = Sequence[tuple[Mistake, Named]]
"""Entries of the dictionary, and what each gives at one look."""


def tried(dictionary: Dictionary, show: Callable[[Gradients], Named], look: Look) -> Tried:
    """Every single entry's gradients, shown in the claim's layout."""
    return [(m, show(m.gradients(look.recurrence))) for m in dictionary.mistakes(look.recurrence.T)]


def single(entries: Tried, look: Look, unit: float) -> list[Mistake]:
    """The entries that explain the claim at this look, the nearest first."""
    found = []
    for mistake, given in entries:
        distance = explains(given, look.claimed, look.truth, unit)
        if distance is not None:
            found.append((distance > unit * 1000, mistake))
    return [mistake for _, mistake in sorted(found, key=lambda pair: pair[0])]


def pair(
    dictionary: Dictionary, show: Callable[[Gradients], Named], looks: Sequence[Look], unit: float
) -> Mistake | None:
    """Two edits of the step, or one with a mistake between the steps, that explain the claim together.

    The first look should be one at the first step's output alone, where two mistakes mix least: an element that one of
    the two leaves alone must be what the other makes of it, which rules out nearly all pairs without a trial.
    """
    first = looks[0]
    entries = tried(dictionary, show, first)
    made = np.stack([_flat(given, first.claimed) for _, given in entries])
    claim, right = _flat(first.claimed, first.claimed), _flat(first.truth, first.claimed)
    for a, b in _possible(made, claim, right, unit):
        both = _together(dictionary, entries[a][0], entries[b][0])
        if both is not None and all(_explains_look(both, look, show, unit) for look in looks):
            return both
    return None


def _possible(made: np.ndarray, claim: np.ndarray, right: np.ndarray, unit: float) -> list[tuple[int, int]]:
    """The pairs to try: those that no element speaks against, then those that few do (one mistake may read what the
    other changes); among equals the ones with the fewest elements that both change."""
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


def _flat(named: Named, like: Named) -> np.ndarray:
    return np.concatenate([np.ravel(named[path]) for path in like])


def _explains_look(mistake: Mistake, look: Look, show: Callable[[Gradients], Named], unit: float) -> bool:
    try:
        given = show(mistake.gradients(look.recurrence))
    except (ValueError, TypeError, AttributeError):  # two edits need not fit each other
        return False
    return explains(given, look.claimed, look.truth, unit) is not None


def _together(dictionary: Dictionary, one: Mistake, two: Mistake) -> Mistake | None:
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
