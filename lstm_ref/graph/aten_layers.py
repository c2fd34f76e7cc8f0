"""torch's operations on whole layers in NumPy, for traced arrays: bags of embeddings, packed sequences, attention.

Arguments are those of the operation, in its order; what is not followed is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_ref.graph.array import Array, session


def embedding_bag(
    weight: Any,
    index: Any,
    offsets: Any,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    factors: Any = None,
    include_last_offset: bool = False,
    padding_idx: int = -1,
) -> Any:
    """Sums (mode 0), means (1) or maxima (2) of rows. What torch keeps for the backward pass: each row's bag, the bags'
    sizes, and the rows of maxima."""
    if scale_grad_by_freq:
        session().refuse("embedding_bag scaled by frequency")
    index, offsets = np.asarray(index), np.asarray(offsets)
    count = len(offsets) - bool(include_last_offset)
    bag = np.searchsorted(offsets[:count], np.arange(len(index)), side="right") - 1
    counted = index != padding_idx
    sizes = np.bincount(bag[counted], minlength=count)
    if mode == 2:
        found, best = _maxima(weight, [index[counted & (bag == k)] for k in range(count)])
        return found, bag, sizes, best
    rows = weight[index[counted]]
    if factors is not None:
        rows = rows * factors[counted][:, None]
    sums = Array(np.zeros((count, weight.shape[1])))
    np.add.at(sums, bag[counted], rows)
    found = sums / np.maximum(sizes, 1)[:, None] if mode == 1 else sums
    return found, bag, sizes, np.zeros(0, np.int64)


def _maxima(weight: Any, bags: Sequence[np.ndarray]) -> tuple[Any, np.ndarray]:
    """For each bag and column the largest element, zero in an empty bag; and the row that it stands in."""
    columns = np.arange(weight.shape[1])
    found, best = Array(np.zeros((len(bags), len(columns)))), np.full((len(bags), len(columns)), -1)
    for k, rows in enumerate(bags):
        if len(rows):
            best[k] = rows[np.asarray(np.argmax(weight[rows], axis=0))]
            found[k] = weight[best[k], columns]
    return found, best


def embedding_bag_backward(
    bar: Any,
    index: Any,
    offsets: Any,
    bag: Any,
    sizes: Any,
    maxima: Any,
    count: int,
    scale_grad_by_freq: bool,
    mode: int,
    sparse: bool,
    factors: Any = None,
    padding_idx: int = -1,
) -> Any:
    """The cotangent of the table."""
    if scale_grad_by_freq:
        session().refuse("embedding_bag scaled by frequency")
    index, bag, sizes = map(np.asarray, (index, bag, sizes))
    if mode == 2:
        found, best = Array(np.zeros((count, bar.shape[1]))), np.asarray(maxima)
        bags, columns = np.nonzero(best >= 0)
        np.add.at(found, (best[bags, columns], columns), bar[bags, columns])
        return found
    counted = index != padding_idx
    rows = (bar / np.maximum(sizes, 1)[:, None] if mode == 1 else bar)[bag[counted]]
    if factors is not None:
        rows = rows * factors[counted][:, None]
    found = Array(np.zeros((count, bar.shape[1])))
    np.add.at(found, index[counted], rows)
    return found


def weight_norm_backward(bar: Any, v: Any, g: Any, norms: Any, dim: int) -> tuple[Any, Any]:
    """The cotangents of direction and length."""
    axes = tuple(k for k in range(v.ndim) if k != dim % v.ndim)
    g_bar = np.sum(bar * v, axis=axes, keepdims=True) / norms
    return g / norms * (bar - v * g_bar / norms), g_bar


def pack(x: Any, lengths: Any, batch_first: bool) -> tuple[Any, np.ndarray]:
    """The steps of sequences, sorted by their lengths (longest first), one after the other without padding; and how
    many sequences have each step."""
    sizes = _sizes(np.asarray(lengths))
    return x[_places(sizes, batch_first)], sizes


def pack_backward(bar: Any, shape: Sequence[int], sizes: Any, batch_first: bool) -> Any:
    """The cotangent of the padded sequences."""
    found = Array(np.zeros(tuple(shape)))
    found[_places(np.asarray(sizes), batch_first)] = bar
    return found


def _sizes(lengths: np.ndarray) -> np.ndarray:
    return np.sum(lengths > np.arange(lengths.max())[:, None], axis=1)


def _places(sizes: np.ndarray, batch_first: bool) -> tuple[np.ndarray, np.ndarray]:
    """The step and the sequence of each packed row, as an index of the padded sequences."""
    steps = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.concatenate([np.arange(n) for n in sizes])
    return (rows, steps) if batch_first else (steps, rows)


def attention_backward(
    bar: Any,
    q: Any,
    k: Any,
    v: Any,
    out: Any,
    log_sums: Any,
    dropout: float,
    is_causal: bool,
    *,
    attn_mask: Any = None,
    scale: float | None = None,
) -> tuple[Any, Any, Any]:
    """The cotangents of queries, keys and values (..., steps, features)."""
    if dropout:
        session().refuse("attention with dropout")
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = np.matmul(q, np.swapaxes(k, -1, -2)) * scale
    if is_causal:
        scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    if attn_mask is not None:
        scores = scores + attn_mask
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    p = e / np.sum(e, axis=-1, keepdims=True)
    p_bar = np.matmul(bar, np.swapaxes(v, -1, -2))
    scores_bar = p * (p_bar - np.sum(p * p_bar, axis=-1, keepdims=True)) * scale
    return (
        np.matmul(scores_bar, k),
        np.matmul(np.swapaxes(scores_bar, -1, -2), q),
        np.matmul(np.swapaxes(p, -1, -2), bar),
    )
