"""A part of the examples that is kept for validation, and the order in which the others are learned from.

Both are functions of a seed, so that a run can be made again.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

POOL = 16
"""Batches whose examples are sorted by length together: less padding, and still another order every time."""


def held_out(labels: Sequence[Hashable], share: float, seed: int) -> np.ndarray:
    """Which examples are held out, bools (N,): the share of each label, drawn by the seed; stratified.

    Of a label with two examples or more at least one is held out, and one is not.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    out = np.zeros(len(labels), bool)
    for label in sorted(set(labels), key=str):
        places = np.flatnonzero([other == label for other in labels])
        n = min(max(round(share * len(places)), 1), len(places) - 1)
        out[rng.permutation(places)[:n]] = True
    return out


def batch_of_step(lengths: np.ndarray, batch: int, seed: int, step: int) -> np.ndarray:
    """The examples of one step, integers (batch,): every epoch has an order of its own, a function of (seed, epoch).

    Texts of like lengths come together. What does not fill a batch waits for the next epoch.
    """
    batch = min(batch, len(lengths))
    per_epoch = len(lengths) // batch
    epoch, number = divmod(step, per_epoch)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1, epoch)))
    order = rng.permutation(len(lengths))[: per_epoch * batch]
    pools = [order[k : k + POOL * batch] for k in range(0, len(order), POOL * batch)]
    ordered = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
    return ordered.reshape(per_epoch, batch)[rng.permutation(per_epoch)[number]]
