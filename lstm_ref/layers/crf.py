"""Linear-chain conditional random field: edges CR1-CR5 forward, CR1*-CR5* backward; derivations/crf.md derives each.

The loss is −ln p(tags | emissions) of whole sequences. Its gradient is the expected minus the observed counts:
marginals, computed by the forward and the backward recursion, minus indicators of the tags. `partition` and `expected`
are these recursions alone and work for any chain. Conventions that bite: transitions[i, j] is the score of j after i;
there are scores for the first tag and for the last; the mean is over sequences; every sequence has at least one step.
Source: Lafferty, McCallum and Pereira, "Conditional random fields", ICML 2001; with a neural network below, Collobert
et al., "Natural language processing (almost) from scratch", JMLR 12, 2011.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import concatenate, exp, logsumexp, scan
from lstm_ref.errors import BadInput
from lstm_ref.layers.reduction import Reduction, weight
from lstm_ref.padding import check_numbers, choose, counted, is_last, keep_of, real_steps
from lstm_ref.shapes import as_rows


class Params(NamedTuple):
    """Scores of tags besides the emissions, for K tags."""

    transitions: Any
    """(K, K): [i, j] is the score of tag j after tag i."""
    start: Any
    """Scores of the first tag, (K,)."""
    end: Any
    """Scores of the last tag, (K,)."""


class Sums(NamedTuple):
    """What `partition` leaves for `expected`."""

    emissions: Any
    alphas: Any
    """Logarithms of the sums over all beginnings, (T, B, K)."""
    log_z: Any
    """Logarithm of the sum over all sequences of tags, (B,)."""
    keep: Any
    """Which steps are real, (T, B, 1)."""


class Tape(NamedTuple):
    """What `forward` leaves for `backward`."""

    sums: Sums
    y: Any
    """Observed tags as indicators, zero in the padding, (T, B, K)."""
    ends: Any
    """Which step is the last, (T, B, 1)."""
    scale: Any


def initial_parameters(rng: np.random.Generator, K: int) -> Params:
    """Uniform in ±0.1. Float64."""
    return Params(*(rng.uniform(-0.1, 0.1, shape) for shape in ((K, K), (K,), (K,))))


def partition(p: Params, emissions: Any, lengths: Any = None) -> Sums:
    """ln Z, the logarithm of the sum over all sequences of tags.

    Args:
        p: Parameters, for K tags.
        emissions: (T, B, K), T >= 1.
        lengths: Integers (B,), at least 1; by default T.

    Returns:
        `log_z` (B,), and the intermediate sums that `expected` reads.

    Raises:
        BadInput: Shapes do not fit, or a sequence has no step.
    """
    K = p.start.shape[0]
    if emissions.ndim != 3 or emissions.shape[2] != K or emissions.shape[0] == 0:
        raise BadInput(f"crf: emissions must be (T, B, {K}) for {K} tags, T >= 1, got {tuple(emissions.shape)}")
    keep = real_steps("crf", lengths, *emissions.shape[:2])

    def step(alpha: Any, now: Any) -> tuple[Any, Any]:
        e, real = now
        after = logsumexp(alpha[:, :, None] + p.transitions, axis=1) + e  # CR2
        alpha = choose(real, after, alpha)
        return alpha, alpha

    first = p.start + emissions[0]  # CR1
    last, later = scan(step, first, (emissions[1:], keep[1:]))
    log_z = logsumexp(last + p.end)  # CR3
    return Sums(emissions, concatenate((first[None], later)), log_z, keep)


def forward(
    p: Params, emissions: Any, tags: Any, lengths: Any = None, reduction: Reduction = "mean"
) -> tuple[Any, Tape]:
    """The loss −ln p(tags | emissions).

    Args:
        p: Parameters, for K tags.
        emissions: (T, B, K), T >= 1.
        tags: Integers (T, B), of any value in the padding.
        lengths: Integers (B,), at least 1; by default T.
        reduction: "mean" over the sequences, or "sum".

    Returns:
        The loss, a scalar in nats, and the tape.

    Raises:
        BadInput: Shapes or tags do not fit, or a sequence has no step.
    """
    sums = partition(p, emissions, lengths)
    y, ends = _indicators(tags, sums), is_last(len(emissions), counted(lengths, *emissions.shape[:2]))
    along = (y * emissions).sum() + (y[0] * p.start).sum() + (ends * y * p.end).sum()  # CR4
    score = along + ((y[:-1] @ p.transitions) * y[1:]).sum()  # CR4
    scale = weight(reduction, int(emissions.shape[1]))
    loss = (sums.log_z.sum() - score) * scale  # CR5
    return loss, Tape(sums, y, ends, scale)


def expected(p: Params, sums: Sums) -> tuple[Any, Any]:
    """The derivatives of Σ ln Z: p(tag at t), (T, B, K), zero in the padding; and, for each pair of tags (K, K), the
    expected number of times that the second follows the first, summed over the batch."""
    emissions, alphas, log_z, keep = sums

    def step(beta: Any, after: Any) -> tuple[Any, Any]:
        e, real = after
        before = logsumexp(p.transitions + (e + beta)[:, None, :], axis=2)  # CR2*
        beta = choose(real, before, beta)  # CR2*
        return beta, beta

    final = p.end + 0 * alphas[0]  # one row per sequence
    _, earlier = scan(step, final, (emissions[1:], keep[1:]), reverse=True)
    betas = concatenate((earlier, final[None]))
    single = choose(keep, exp(alphas + betas - log_z[:, None]), 0)  # CR3*
    arrived = (emissions[1:] + betas[1:] - log_z[:, None])[:, :, None, :]
    pairs = choose(keep[1:], exp(alphas[:-1, :, :, None] + p.transitions + arrived), 0)  # CR2*
    return single, pairs.sum(0).sum(0)  # CR3*, CR2*


def backward(p: Params, tape: Tape, loss_bar: Any = 1.0) -> tuple[Params, Any]:
    """Cotangents of (p, emissions), given the cotangent of the loss."""
    sums, y, ends, scale = tape
    bar = scale * loss_bar  # CR5*
    single, pairs = expected(p, sums)
    observed = as_rows(y[:-1]).T @ as_rows(y[1:])  # CR4*
    transitions_bar = (pairs - observed) * bar  # CR4*
    emissions_bar = (single - y) * bar  # CR4*
    start_bar = emissions_bar[0].sum(0)  # CR1*
    end_bar = choose(ends, emissions_bar, 0).sum(0).sum(0)  # CR4*
    return Params(transitions_bar, start_bar, end_bar), emissions_bar


def decode(p: Params, emissions: np.ndarray, lengths: Any = None) -> np.ndarray:
    """The sequences of tags with the largest score, integers (T, B), −1 in the padding: Viterbi's algorithm, in
    NumPy."""
    T, B, K = emissions.shape
    keep = keep_of(T, np.full(B, T) if lengths is None else np.asarray(lengths))
    best, origins = p.start + emissions[0], []
    for t in range(1, T):
        through = best[:, :, None] + p.transitions
        origins.append(np.where(keep[t], through.argmax(axis=1), np.arange(K)))  # in the padding the tag stays
        best = np.where(keep[t], through.max(axis=1) + emissions[t], best)
    tags = [(best + p.end).argmax(axis=-1)]
    for origin in origins[::-1]:
        tags.append(origin[np.arange(B), tags[-1]])
    return np.where(keep[..., 0], np.stack(tags[::-1]), -1)


def marginals(p: Params, tape: Tape) -> Any:
    """p(tag at t | emissions), (T, B, K), zero in the padding."""
    return expected(p, tape.sums)[0]


def _indicators(tags: Any, sums: Sums) -> Any:
    """The tags (T, B) as indicators (T, B, K)."""
    K, dtype = sums.emissions.shape[2], sums.emissions.dtype
    check_numbers("crf: tags", tags, sums.keep, K)
    y = (tags[..., None] == np.arange(K)) & sums.keep
    return y.astype(dtype if getattr(dtype, "kind", "f") != "O" else np.float64)
