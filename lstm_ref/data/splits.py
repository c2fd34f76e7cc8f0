"""Which examples are kept for validation, and in which order the others are learned.

Both are functions of a seed, so that a run can be repeated.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

POOL = 16
"""Number of batches whose examples are sorted by length together. Padding is reduced, and the order still changes."""


def held_out(labels: Sequence[Hashable], share: float, seed: int) -> np.ndarray:
    """Which examples are held out, bools (N,): this share of each label, drawn by the seed (a stratified split).

    Of a label with two or more examples, at least one is held out, and at least one is not.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    out = np.zeros(len(labels), bool)
    for label in sorted(set(labels), key=str):
        places = np.flatnonzero([other == label for other in labels])
        n = min(max(round(share * len(places)), 1), len(places) - 1)
        out[rng.permutation(places)[:n]] = True
    return out


def batch_of_step(lengths: np.ndarray, batch: int, seed: int, step: int) -> np.ndarray:
    """The examples of one step, integers (batch,). Every epoch has its own order, a function of (seed, epoch).

    Texts of similar length come together. Examples that do not fill a batch are left out of this epoch.
    """
    batch = min(batch, len(lengths))
    per_epoch = len(lengths) // batch
    epoch, number = divmod(step, per_epoch)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1, epoch)))
    order = rng.permutation(len(lengths))[: per_epoch * batch]
    pools = [order[k : k + POOL * batch] for k in range(0, len(order), POOL * batch)]
    ordered = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
    return ordered.reshape(per_epoch, batch)[rng.permutation(per_epoch)[number]]
