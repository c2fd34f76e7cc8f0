"""Attention of one query over S keys: edges AT1-AT3 forward, AT1*-AT3* backward; derivations/attention.md derives each.

Two scores: additive, v · tanh(q W_q + k W_k), and the dot product q · k, which has no parameters. Conventions that
bite: keys are the values as well; what is masked has weight 0, and neither gives nor gets gradient; the first key is
not masked.
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

    query: Any
    keys: Any
    t: Any
    """tanh of the additive score's sum, (B, S, A); None for the dot product."""
    weights: Any
    """(B, S)."""


def initial_parameters(rng: np.random.Generator, Q: int, H: int, A: int) -> Additive:
    """Glorot kernels; v uniform in ±√(3 / A). Float64."""
    return Additive(glorot(rng, Q, A), glorot(rng, H, A), rng.uniform(-1, 1, A) * np.sqrt(3 / A))


def forward(p: Additive | None, query: Any, keys: Any, real: Any = None) -> tuple[Any, Tape]:
    """The context Σ weights · keys, (B, H), for query (B, Q), keys (B, S, H) and bools real (B, S).

    Without p, the score is the dot product. The weights are in the tape. Raises BadInput where shapes do not fit.
    """
    _check(p, query, keys, real)
    t = None if p is None else tanh((query @ p.w_q)[:, None, :] + keys @ p.w_k)  # AT1
    scores = (keys * query[:, None, :]).sum(-1) if p is None else (t * p.v).sum(-1)  # AT1
    real = np.ones(keys.shape[:2], bool) if real is None else real
    largest = where(real, scores, scores[:, :1]).max(axis=-1)[:, None]
    raised = exp(where(real, scores - largest, 0)) * real
    weights = raised / raised.sum(-1)[:, None]  # AT2
    context = (weights[..., None] * keys).sum(1)  # AT3
    return context, Tape(query, keys, t, weights)


def backward(p: Additive | None, tape: Tape, context_bar: Any) -> tuple[Additive | None, Any, Any]:
    """Cotangents of (p, query, keys), given that of the context."""
    query, keys, t, weights = tape
    weights_bar = (keys * context_bar[:, None, :]).sum(-1)  # AT3*
    keys_bar = weights[..., None] * context_bar[:, None, :]  # AT3*
    scores_bar = weights * (weights_bar - (weights * weights_bar).sum(-1)[:, None])  # AT2*
    if p is None:
        query_bar = (scores_bar[..., None] * keys).sum(1)  # AT1*
        keys_bar = keys_bar + scores_bar[..., None] * query[:, None, :]  # AT1*  keys have two readers
        return None, query_bar, keys_bar
    v_bar = (scores_bar[..., None] * t).sum(0).sum(0)  # AT1*
    a_bar = scores_bar[..., None] * p.v * (1 - t * t)  # AT1*
    summed = a_bar.sum(1)  # AT1*  one query, S readers
    rows, rows_bar = keys.reshape(-1, keys.shape[-1]), a_bar.reshape(-1, a_bar.shape[-1])
    w_q_bar, w_k_bar = query.T @ summed, rows.T @ rows_bar  # AT1*
    query_bar = summed @ p.w_q.T  # AT1*
    return Additive(w_q_bar, w_k_bar, v_bar), query_bar, keys_bar + a_bar @ p.w_k.T  # AT1*  keys have two readers


def _check(p: Additive | None, query: Any, keys: Any, real: Any) -> None:
    if keys.ndim != 3 or query.ndim != 2 or keys.shape[0] != query.shape[0]:
        raise BadInput(
            f"attention: query must be (B, Q) and keys (B, S, H), got {tuple(query.shape)} and {tuple(keys.shape)}"
        )
    B, S, H = keys.shape
    sizes = (H, H) if p is None else (p.w_q.shape[0], p.w_k.shape[0])
    if (query.shape[1], H) != sizes:
        raise BadInput(
            f"attention: query and keys must be of sizes {sizes[0]} and {sizes[1]}, got {query.shape[1]} and {H}"
        )
    if real is not None and tuple(real.shape) != (B, S):
        raise BadInput(f"attention: real must be bools ({B}, {S}), got {tuple(real.shape)}")
