"""torch's CTC loss in NumPy, for traced arrays: −log of the probability of all alignments of the labels.

The alignments go through the labels with a blank before, between and after them. Messages from both ends are sums over
alignments. Source: Graves et al., "Connectionist Temporal Classification", ICML 2006, equations 6 to 15.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lstm_ref.graph.array import Array

NEVER = -1e30
"""The logarithm of the probability of something impossible."""


def loss(
    log_probs: Any, targets: Any, steps: Any, sizes: Any, blank: int = 0, zero_infinity: bool = False
) -> tuple[Any, Any]:
    """The loss of each sequence of log_probs (time, batch, symbols), and nothing where torch keeps the messages."""
    found = []
    for n, path, T in _paths(log_probs, targets, steps, sizes, blank):
        last = _messages(log_probs[:T, n, path], path)[-1]
        found.append(-_sum_of_logs([last[k] for k in range(max(len(path) - 2, 0), len(path))]))
    return np.stack(found), np.zeros((log_probs.shape[1], 1, 1))


def backward(
    bar: Any,
    log_probs: Any,
    targets: Any,
    steps: Any,
    sizes: Any,
    losses: Any,
    messages: Any,
    blank: int,
    zero_infinity: bool = False,
) -> Any:
    """The cotangent of the log-probabilities, as torch defines it: as if a log_softmax had made them, so that it sums
    to zero over the symbols."""
    found = Array(np.zeros(log_probs.shape))
    for n, path, T in _paths(log_probs, targets, steps, sizes, blank):
        own = log_probs[:T, n, path]
        ahead = np.stack(_messages(own, path))
        behind = np.flip(np.stack(_messages(own[::-1, ::-1], path[::-1])), (0, 1))
        each = np.exp(ahead + behind - own + losses[n])  # the probability of each place of the path at each step
        expected = Array(np.zeros((T, log_probs.shape[2])))
        for k, symbol in enumerate(path):
            expected[:, symbol] = expected[:, symbol] + each[:, k]
        found[:T, n] = bar[n] * (np.exp(log_probs[:T, n]) - expected)
    return found


def _paths(log_probs: Any, targets: Any, steps: Any, sizes: Any, blank: int) -> Iterator[tuple[int, np.ndarray, int]]:
    """For each sequence its number, its labels with blanks around each, and its steps."""
    targets, steps, sizes = (np.asarray(v) for v in (targets, steps, sizes))
    start = 0
    for n in range(log_probs.shape[1]):
        own = targets[n, : sizes[n]] if targets.ndim == 2 else targets[start : start + int(sizes[n])]
        start += int(sizes[n])
        path = np.full(2 * len(own) + 1, blank)
        path[1::2] = own
        yield n, path, int(steps[n])


def _messages(own: Any, path: np.ndarray) -> list[Any]:
    """The logarithms of the probabilities of all beginnings that end at each place of the path, step by step; `own` are
    those of the places' symbols."""
    places = len(path)
    may_skip = np.zeros(places, bool)
    may_skip[2:] = path[2:] != path[:-2]
    may_start = np.arange(places) < 2
    found = [np.where(may_start, own[0], NEVER)]
    for t in range(1, own.shape[0]):
        before = found[-1]
        one = np.concatenate([np.full(1, NEVER), before[:-1]])
        two = np.where(may_skip, np.concatenate([np.full(min(2, places), NEVER), before[:-2]]), NEVER)
        found.append(_sum_of_logs([before, one, two]) + own[t])
    return found


def _sum_of_logs(terms: Sequence[Any]) -> Any:
    stacked = np.stack(terms)
    top = np.max(stacked, axis=0)
    return top + np.log(np.sum(np.exp(stacked - top), axis=0))
