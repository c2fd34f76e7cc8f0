"""Attention of queries over keys: edges AT1-AT3 forward, AT1*-AT3* backward; derivations/attention.md derives each.

There are two scores: the additive one, v · tanh(q W_q + k W_k), and the dot product q · k, which has no parameters.
Conventions that bite: batch first, queries (B, T, Q) and keys (B, S, H), which are the values as well; a masked key has
weight 0, receives no gradient and passes none on; the first key must not be masked.
Source: Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate", ICLR 2015,
appendix A.1.2; Luong, Pham and Manning, "Effective approaches to attention-based neural machine translation", EMNLP
2015, equations 7-8.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import exp, tanh, where
from lstm_ref.cells.cell import glorot
from lstm_ref.errors import BadInput


class Additive(NamedTuple):
    """Parameters of the additive score, for queries of size Q, keys of size H, and A units."""

    w_q: Any
    """(Q, A)."""
    w_k: Any
    """(H, A)."""
    v: Any
    """(A,)."""


class Tape(NamedTuple):
    """What `forward` leaves for `backward`."""

    queries: Any
    keys: Any
    t: Any
    """tanh of the additive score's sum, (B, T, S, A); None for the dot product."""
    weights: Any
    """(B, T, S)."""


def initial_parameters(rng: np.random.Generator, Q: int, H: int, A: int) -> Additive:
    """Glorot kernels; v uniform in ±√(3 / A). Float64."""
    return Additive(glorot(rng, Q, A), glorot(rng, H, A), rng.uniform(-1, 1, A) * np.sqrt(3 / A))


def forward(p: Additive | None, queries: Any, keys: Any, real: Any = None) -> tuple[Any, Tape]:
    """The contexts Σ weights · keys.

    Args:
        p: Parameters of the additive score; None for the dot product.
        queries: (B, T, Q).
        keys: (B, S, H), which are the values as well; Q = H for the dot product.
        real: Bools (B, S), which keys are not masked; by default all.

    Returns:
        The contexts (B, T, H), and the tape, which holds the weights (B, T, S).

    Raises:
        BadInput: Shapes do not fit.
    """
    _check(p, queries, keys, real)
    t = None if p is None else tanh((queries @ p.w_q)[:, :, None, :] + (keys @ p.w_k)[:, None, :, :])  # AT1
    scores = queries @ keys.swapaxes(1, 2) if p is None else (t * p.v).sum(-1)  # AT1
    real = (np.ones(keys.shape[:2], bool) if real is None else real)[:, None, :]
    largest = where(real, scores, scores[..., :1]).max(axis=-1)[..., None]
    raised = where(real, exp(where(real, scores - largest, 0)), 0)
    weights = raised / raised.sum(-1)[..., None]  # AT2
    return weights @ keys, Tape(queries, keys, t, weights)  # AT3


def backward(p: Additive | None, tape: Tape, contexts_bar: Any) -> tuple[Additive | None, Any, Any]:
    """Cotangents of (p, queries, keys), given the cotangent of the contexts (B, T, H). That of p is None for the dot
    product."""
    queries, keys, t, weights = tape
    weights_bar, keys_bar = contexts_bar @ keys.swapaxes(1, 2), weights.swapaxes(1, 2) @ contexts_bar  # AT3*
    scores_bar = weights * (weights_bar - (weights * weights_bar).sum(-1)[..., None])  # AT2*
    if p is None:
        queries_bar = scores_bar @ keys  # AT1*
        keys_bar = keys_bar + scores_bar.swapaxes(1, 2) @ queries  # AT1*  keys have two readers
        return None, queries_bar, keys_bar
    v_bar = _rows(scores_bar[..., None] * t).sum(0)  # AT1*
    a_bar = scores_bar[..., None] * p.v * (1 - t * t)  # AT1*
    of_queries, of_keys = a_bar.sum(2), a_bar.sum(1)  # AT1*  a query is read by S scores, a key by T
    w_q_bar, w_k_bar = _rows(queries).T @ _rows(of_queries), _rows(keys).T @ _rows(of_keys)  # AT1*
    queries_bar = of_queries @ p.w_q.T  # AT1*
    keys_bar = keys_bar + of_keys @ p.w_k.T  # AT1*  keys have two readers
    return Additive(w_q_bar, w_k_bar, v_bar), queries_bar, keys_bar


def _rows(v: Any) -> Any:
    """(..., K) as (N, K)."""
    return v.reshape(-1, v.shape[-1])


def _check(p: Additive | None, queries: Any, keys: Any, real: Any) -> None:
    if keys.ndim != 3 or queries.ndim != 3 or keys.shape[0] != queries.shape[0]:
        raise BadInput(
            f"attention: queries must be (B, T, Q) and keys (B, S, H), got {tuple(queries.shape)} and "
            f"{tuple(keys.shape)}"
        )
    B, S, H = keys.shape
    sizes = (H, H) if p is None else (p.w_q.shape[0], p.w_k.shape[0])
    if (queries.shape[2], H) != sizes:
        raise BadInput(
            f"attention: queries and keys must be of sizes {sizes[0]} and {sizes[1]}, got {queries.shape[2]} and {H}"
        )
    if real is not None and tuple(real.shape) != (B, S):
        raise BadInput(f"attention: real must be bools ({B}, {S}), got {tuple(real.shape)}")
