"""Two mistakes at once that no gradient shows one by one: found on parts of gradients where they add up.

In the gradient of the last step's input, say, each mistake changes its own term, so the claim differs by the sum of
what the two do alone. Sorting finds the two among many thousands of entries: each entry says what the other must be.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from lstm_ref.mistakes.on_graphs.candidate import Candidate

DIGITS = 1e-9
PLAIN = frozenset(
    (
        "dropped",
        "doubled",
        "negated",
        "transposed",
        "factor missing",
        "other factor",
        "activation's derivative missing",
        "activation's derivative twice",
    )
)
LIKELY = 12_000
PAIRS = 400
"""Number of pairs to try for each part."""


def parts_of(shapes: Sequence[tuple[int, ...]], slices: Sequence[slice], size: int) -> list[np.ndarray]:
    """Masks: all, every input, and its first and last slices along each axis."""
    found = [np.ones(size, dtype=bool)]
    for shape, s in zip(shapes, slices, strict=True):
        wheres: list[tuple[slice | int, ...]] = [()]
        for axis, n in enumerate(shape):
            if n > 1:
                wheres += [(slice(None),) * axis + (k,) for k in (-1, 0)]
        for where in wheres:
            inside = np.zeros(shape, dtype=bool)
            inside[where] = True
            mask = np.zeros(size, dtype=bool)
            mask[s] = inside.ravel()
            found.append(mask)
    return found


class Seen:
    """How much each entry of the dictionary changes each part of the gradient: one number for a part."""

    def __init__(self, shapes: Sequence[tuple[int, ...]], slices: Sequence[slice], apart: np.ndarray) -> None:
        generator = np.random.default_rng(0)
        masks = parts_of(shapes, slices, len(apart))
        self.weights = np.array([m * generator.uniform(0.5, 1.5, len(apart)) for m in masks]).T
        self.apart = apart @ self.weights
        self.candidates: list[Candidate] = []
        self.numbers: list[np.ndarray] = []

    def add(self, batch: Sequence[Candidate], changes: np.ndarray) -> None:
        """Entries and what they change."""
        self.candidates += batch
        self.numbers.append(np.where(np.isfinite(changes), changes, 0) @ self.weights)

    def pairs(self) -> Iterator[list[tuple[Candidate, Candidate]]]:
        """Pairs of entries whose changes add up to the claim's, found part by part."""
        numbers = np.concatenate(self.numbers)
        tiers = [c.tier for c in self.candidates]
        for part, target in enumerate(self.apart):
            mine = numbers[:, part]
            size = abs(target)
            at = (
                np.flatnonzero((np.abs(mine) > 1e-6 * size) & (np.abs(mine) < 1e6 * size))
                if size > 0
                else np.zeros(0, int)
            )
            if len(at) < 2:
                continue
            rounded, members = np.unique(np.round(mine[at] / target, 12), return_inverse=True)
            order = np.argsort(members, kind="stable")
            starts = np.searchsorted(members[order], np.arange(len(rounded) + 1))
            other, near = 1 - rounded, 3 * DIGITS * (1 + np.abs(rounded))
            low, high = np.searchsorted(rounded, other - near), np.searchsorted(rounded, other + near)
            found: list[tuple[int, int, int]] = []
            for a in np.flatnonzero(high > low)[:PAIRS]:
                for b in range(low[a], high[a]):
                    if a <= b:
                        one, two = (at[order[starts[g] : starts[g + 1]][:12]] for g in (a, b))
                        found += [(tiers[i] + tiers[j], int(i), int(j)) for i in one for j in two if i != j]
            found.sort()
            if found:
                yield [(self.candidates[i], self.candidates[j]) for _, i, j in found[:PAIRS]]

    def likely(self) -> list[tuple[Candidate, Candidate]]:
        """Pairs of the plainest mistakes with different effects, for claims where no part shows the two one by one."""
        numbers = np.concatenate(self.numbers)
        plain: dict[bytes, Candidate] = {}
        for candidate, mine in sorted(zip(self.candidates, numbers, strict=True), key=lambda both: both[0].tier):
            if candidate.kind in PLAIN and candidate.edits and np.any(mine):
                plain.setdefault(
                    np.round(mine / np.max(np.abs(mine)), 9).tobytes() + f"{mine[0]:.9e}".encode(), candidate
                )
        return list(itertools.islice(itertools.combinations(plain.values(), 2), LIKELY))

    def like(self, one: Candidate) -> list[Candidate]:
        """The entries that change the same."""
        numbers = np.concatenate(self.numbers)
        mine = numbers[next(k for k, c in enumerate(self.candidates) if c is one)]
        near = np.all(np.abs(numbers - mine) <= DIGITS * (np.abs(mine) + np.abs(self.apart)), axis=1)
        return sorted((self.candidates[k] for k in np.flatnonzero(near)), key=lambda c: c.tier)
