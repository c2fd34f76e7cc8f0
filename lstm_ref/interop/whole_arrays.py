"""Whole arrays that a binding mixes up, though the backward pass has made them: begun elsewhere than at zero, handed on
as zero, or in each other's place. With these told apart, the rest of a claim is looked up in the dictionary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np

from lstm_ref.checking.report import Finding

Named = Mapping[str, np.ndarray]
Edit = Callable[[Named], Named]


class MixedUp(NamedTuple):
    """What has been mixed up, and how to take the arrays apart again."""

    findings: tuple[Finding, ...]
    edit: Edit


def begun(at_zero: Named, values: Named, unit: float) -> MixedUp | None:
    """Gradients that begin at the values of what they are gradients of, where an array of zeros was meant.

    Args:
        at_zero: The gradients at cotangents of zero, by path: zeros, as a gradient is linear in the cotangents.
        values: What each is the gradient of, by path.
        unit: The unit roundoff.

    Returns:
        None where no gradient begins at such values.
    """
    found = {
        k: v
        for k, v in at_zero.items()
        if np.any(v) and np.max(np.abs(v - values[k])) <= unit**0.5 * np.max(np.abs(values[k]))
    }
    if not found:
        return None
    gradient, begins = ("gradients", "begin") if len(found) > 1 else ("gradient", "begins")
    sentence = f"the {gradient} of {', '.join(found)} {begins} at the arrays' own values, not at zero"
    finding = Finding("begun", sentence, exact=True)
    return MixedUp((finding,), lambda arrays: {k: v - found[k] if k in found else v for k, v in arrays.items()})


def handed_on(claimed: Named, wrong: list[str]) -> Iterator[MixedUp]:
    """Every way in which those that are wrong may have been handed on: as zero, or two in each other's place."""
    zero = [k for k in wrong if not np.any(claimed[k])]
    alike = [(a, b) for a, b in combinations(wrong, 2) if claimed[a].shape == claimed[b].shape]
    pairs = [pair for pair in alike if not set(pair) & set(zero)]
    told = [Finding("scale", f"the gradient of {k} is zero throughout: nothing reaches it", exact=True) for k in zero]
    if zero:
        yield MixedUp(tuple(told), partial(_without, zero, ()))
    for one, two in pairs:
        sentence = f"the gradients of {one} and {two} are in each other's place"
        exchanged = Finding("exchanged", sentence, exact=True)
        yield MixedUp((exchanged, *told), partial(_without, zero, (one, two)))


def _without(zero: list[str], swapped: tuple[str, ...], arrays: Named) -> Named:
    other = dict(zip(swapped, swapped[::-1], strict=True))
    return {k: arrays[other.get(k, k)] for k in arrays if k not in zero}
