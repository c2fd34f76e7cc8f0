"""Whole arrays that a binding mixes up after the backward pass has made them: accumulated onto something other than
zero, handed on as zero, or exchanged. With these set aside, the rest of a claim is looked up in the dictionary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np

from lstm_ref.checking.report import Finding
from lstm_ref.leaves import NamedArrays

ArraysEdit = Callable[[NamedArrays], NamedArrays]


class MixedUp(NamedTuple):
    """What has been mixed up, and how to take the arrays apart again."""

    findings: tuple[Finding, ...]
    edit: ArraysEdit


def begun(at_zero: NamedArrays, values: NamedArrays, unit: float) -> MixedUp | None:
    """Gradients that begin at the values of what they are gradients of, where an array of zeros was meant. Where a
    layer adds up its two biases beforehand, that is their sum.

    Args:
        at_zero: The gradients at cotangents of zero, by path: zeros, as a gradient is linear in the cotangents.
        values: What each is the gradient of, by path.
        unit: The unit roundoff.

    Returns:
        None where no gradient begins at such values.
    """
    own = {k for k, v in at_zero.items() if _is_begin(v, values[k], unit)}
    sums = {
        k: other
        for k, v in at_zero.items()
        for other in values
        if k not in own and other != k and np.shape(values[other]) == np.shape(v)
        if _is_begin(v, values[k] + values[other], unit)
    }
    found = {k: v for k, v in at_zero.items() if k in own or k in sums}
    if not found:
        return None
    gradient, begins = ("gradients", "begin") if len(found) > 1 else ("gradient", "begins")
    sentence = f"the {gradient} of {', '.join(found)} {begins} at the arrays' own values, not at zero"
    sentence += "".join(f"; that of {k} at its sum with {other}" for k, other in sums.items())
    finding = Finding("begun", sentence, exact=True)
    return MixedUp((finding,), lambda arrays: {k: v - found[k] if k in found else v for k, v in arrays.items()})


def _is_begin(gradient: np.ndarray, value: np.ndarray, unit: float) -> bool:
    """Whether a gradient at cotangents of zero is this value, which is not zero."""
    size = np.max(np.abs(value), initial=0.0)
    return bool(np.any(gradient) and size and np.max(np.abs(gradient - value)) <= unit**0.5 * size)


def handed_on(claimed: NamedArrays, wrong: list[str]) -> Iterator[MixedUp]:
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


def _without(zero: list[str], swapped: tuple[str, ...], arrays: NamedArrays) -> NamedArrays:
    other = dict(zip(swapped, swapped[::-1], strict=True))
    return {k: arrays[other.get(k, k)] for k in arrays if k not in zero}
