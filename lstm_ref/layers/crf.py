"""Linear-chain conditional random field: edges CR1-CR5 forward, CR1*-CR5* backward; derivations/crf.md derives each.

The loss is −ln p(tags | emissions) of whole sequences. Its gradient is what the model expects less what was observed:
marginals, by the forward and the backward recursion, less indicators. Conventions that bite: transitions[i, j] is the
score of j after i; there are scores for the first tag and for the last; the mean is over sequences; every sequence has
at least one step.
Source: Lafferty, McCallum and Pereira, "Conditional random fields", ICML 2001; with a neural network below, Collobert
et al., "Natural language processing (almost) from scratch", JMLR 12, 2011.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic import concatenate, exp, logsumexp, scan
from lstm_ref.errors import BadInput
from lstm_ref.layers.reduction import Reduction, weight
from lstm_ref.padding import choose, is_last, keep_of


class Params(NamedTuple):
    """Scores beside the emissions, for K tags."""

    transitions: Any
    """(K, K), of the second tag after the first."""
    start: Any
    """Of the first tag, (K,)."""
    end: Any
    """Of the last tag, (K,)."""


class Tape(NamedTuple):
    """What `forward` leaves for `backward`."""

    emissions: Any
    y: Any
    """Observed tags as indicators, zero in the padding, (T, B, K)."""
    alphas: Any
    """Logarithms of the sums over all beginnings, (T, B, K)."""
    log_z: Any
    """Logarithm of the sum over all sequences, (B,)."""
    keep: Any
    """Which steps are real, (T, B, 1)."""
    ends: Any
    """Which is the last, (T, B, 1)."""
    scale: Any


def initial_parameters(rng: np.random.Generator, K: int) -> Params:
    """Uniform in ±0.1. Float64."""
    return Params(*(rng.uniform(-0.1, 0.1, shape) for shape in ((K, K), (K,), (K,))))


def forward(
    p: Params, emissions: Any, tags: Any, lengths: Any = None, reduction: Reduction = "mean"
) -> tuple[Any, Tape]:
    """The loss, a scalar in nats, for emissions (T, B, K) and tags, integers (T, B), of any value in the padding.

    Raises BadInput where shapes or tags do not fit, or a sequence has no step.
    """
    keep, ends, y = _checked(p, emissions, tags, lengths)

    def step(alpha: Any, now: Any) -> tuple[Any, Any]:
        e, real = now
        after = logsumexp(alpha[:, :, None] + p.transitions, axis=1) + e  # CR2
        alpha = choose(real, after, alpha)
        return alpha, alpha

    first = p.start + emissions[0]  # CR1
    last, later = scan(step, first, (emissions[1:], keep[1:]))
    log_z = logsumexp(last + p.end)  # CR3
    along = (y * emissions).sum() + (y[0] * p.start).sum() + (ends * y * p.end).sum()  # CR4
    score = along + ((y[:-1] @ p.transitions) * y[1:]).sum()  # CR4
    scale = weight(reduction, int(emissions.shape[1]))
    loss = (log_z.sum() - score) * scale  # CR5
    alphas = concatenate((first[None], later))
    return loss, Tape(emissions, y, alphas, log_z, keep, ends, scale)


def backward(p: Params, tape: Tape, loss_bar: Any = 1.0) -> tuple[Params, Any]:
    """Cotangents of (p, emissions), given that of the loss."""
    emissions, y, alphas, log_z, keep, ends, scale = tape
    bar = scale * loss_bar  # CR5*

    def step(beta: Any, after: Any) -> tuple[Any, Any]:
        e, real = after
        before = logsumexp(p.transitions + (e + beta)[:, None, :], axis=2)  # CR2*
        beta = choose(real, before, beta)
        return beta, beta

    final = p.end + 0 * alphas[0]  # a row a sequence
    _, earlier = scan(step, final, (emissions[1:], keep[1:]), reverse=True)
    betas = concatenate((earlier, final[None]))
    single = choose(keep, exp(alphas + betas - log_z[:, None]), 0)  # CR3*
    arrived = (emissions[1:] + betas[1:] - log_z[:, None])[:, :, None, :]
    pairs = choose(keep[1:], exp(alphas[:-1, :, :, None] + p.transitions + arrived), 0)  # CR2*
    observed = _rows(y[:-1]).T @ _rows(y[1:])  # CR4*
    transitions_bar = (pairs.sum(0).sum(0) - observed) * bar  # CR2*, CR4*
    emissions_bar = (single - y) * bar  # CR3*, CR4*
    start_bar = emissions_bar[0].sum(0)  # CR1*
    end_bar = choose(ends, emissions_bar, 0).sum(0).sum(0)  # CR3*, CR4*
    return Params(transitions_bar, start_bar, end_bar), emissions_bar


def _rows(v: Any) -> Any:
    """(T, B, K) as (T·B, K)."""
    return v.reshape(-1, v.shape[-1])


def decode(p: Params, emissions: np.ndarray, lengths: Any = None) -> np.ndarray:
    """The tags of largest score, integers (T, B), −1 in the padding: Viterbi's algorithm, in NumPy."""
    T, B, K = emissions.shape
    keep = keep_of(T, np.full(B, T) if lengths is None else np.asarray(lengths))
    best, origins = p.start + emissions[0], []
    for t in range(1, T):
        through = best[:, :, None] + p.transitions
        origins.append(np.where(keep[t], through.argmax(axis=1), np.arange(K)))  # padding: from where it is
        best = np.where(keep[t], through.max(axis=1) + emissions[t], best)
    tags = [(best + p.end).argmax(axis=-1)]
    for origin in origins[::-1]:
        tags.append(origin[np.arange(B), tags[-1]])
    return np.where(keep[..., 0], np.stack(tags[::-1]), -1)


def marginals(p: Params, tape: Tape) -> Any:
    """p(tag at t | emissions), (T, B, K), zero in the padding: what the loss's gradient is made of."""
    _, emissions_bar = backward(p, tape)
    return emissions_bar / tape.scale + tape.y


def _checked(p: Params, emissions: Any, tags: Any, lengths: Any) -> tuple[Any, Any, Any]:
    """Masks, and the tags as indicators."""
    K = p.start.shape[0]
    if emissions.ndim != 3 or emissions.shape[2] != K or emissions.shape[0] == 0:
        raise BadInput(f"crf: emissions must be (T, B, {K}) for {K} tags, T >= 1, got {tuple(emissions.shape)}")
    T, B = emissions.shape[:2]
    if tuple(tags.shape) != (T, B) or not np.issubdtype(tags.dtype, np.integer):
        raise BadInput(f"crf: tags must be integers ({T}, {B}), got {tags.dtype} {tuple(tags.shape)}")
    lengths = np.full(B, T) if lengths is None else lengths
    keep = keep_of(T, lengths)
    if not isinstance(tags, jax.core.Tracer) and not isinstance(lengths, jax.core.Tracer):
        if np.any(np.asarray(lengths) < 1):
            raise BadInput("crf: every sequence must have at least one step, got a length of 0")
        real = np.asarray(tags)[np.asarray(keep)[..., 0]]
        if real.size and not (real.min() >= 0 and real.max() < K):
            raise BadInput(f"crf: tags must lie in 0..{K - 1}, got {real.min()}..{real.max()}")
    y = (tags[..., None] == np.arange(K)) & keep
    dtype = emissions.dtype if getattr(emissions.dtype, "kind", "f") != "O" else np.float64
    return keep, is_last(T, lengths), y.astype(dtype)
