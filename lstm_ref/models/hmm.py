"""Hidden Markov model, a counting baseline for a tagger: edges HM1-HM4, HM1*-HM4* backward; derivations/hmm.md.

The loss is −ln p(symbols), the sum over all sequences of tags: ln Z of a chain (CR1-CR3, derivations/crf.md) whose
scores are log-probabilities. Conventions that bite: the parameters are scores, and a softmax over the last axis turns
them into probabilities. All finite scores are therefore allowed, and adding a number to a row changes nothing. Only
`fit` reads tags beside the symbols. The model has no probability of the end. The mean is over sequences, each of at
least one step.
Source: Rabiner, "A tutorial on hidden Markov models and selected applications in speech recognition", Proc. IEEE 77(2),
1989.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arithmetic import logsumexp, softmax, where
from lstm_ref.errors import BadInput
from lstm_ref.layers import crf, embedding
from lstm_ref.layers.reduction import Reduction, weight
from lstm_ref.padding import check_numbers, real_steps


class Params(NamedTuple):
    """Scores, for K tags and V symbols."""

    start: Any
    """Scores of the first tag, (K,)."""
    transitions: Any
    """Scores of the second tag after the first, (K, K)."""
    emissions: Any
    """Scores of the symbol for the tag, (K, V)."""


class Tape(NamedTuple):
    """What `forward` keeps for `backward`."""

    chain: crf.Params
    rows: embedding.Tape
    sums: crf.Sums
    scale: Any


def initial_parameters(rng: np.random.Generator, V: int, K: int) -> Params:
    """Uniform in ±0.1, float64. Equal scores would stay equal."""
    return Params(*(rng.uniform(-0.1, 0.1, shape) for shape in ((K,), (K, K), (K, V))))


def forward(params: Params, ids: Any, lengths: Any = None, reduction: Reduction = "mean") -> tuple[Any, Tape]:
    """The loss −ln p(symbols).

    Args:
        params: Scores.
        ids: Symbols, integers (T, B); padding may hold any number.
        lengths: Number of steps of each sequence, integers (B,); None: all steps.
        reduction: Mean or sum over the sequences.

    Returns:
        The loss in nats, a scalar, and the tape that `backward` reads.

    Raises:
        BadInput: Shapes or symbols do not fit, or a sequence has no step.
    """
    ids = _without_padding(params, ids, lengths)
    start, transitions, table = (v - logsumexp(v)[..., None] for v in params)  # HM1
    emissions, rows = embedding.forward(table.T, ids)  # HM2
    chain = crf.Params(transitions, start, np.zeros(start.shape, start.dtype))
    sums = crf.partition(chain, emissions, lengths)  # HM3
    scale = weight(reduction, int(ids.shape[1]))
    return -sums.log_z.sum() * scale, Tape(chain, rows, sums, scale)  # HM4


def backward(params: Params, tape: Tape, loss_bar: Any = 1.0) -> Params:
    """The cotangent of the parameters, given that of the loss."""
    log_z_bar = -tape.scale * loss_bar  # HM4*
    counts = expected(params, tape)
    return Params(*(_scores_bar(v, n, log_z_bar) for v, n in zip(params, counts, strict=True)))


def expected(params: Params, tape: Tape) -> Params:
    """Expected counts, given the symbols of the batch: of each first tag, each pair of tags, and each symbol with each
    tag.

    Their logarithms are the parameters after one step of the Baum-Welch algorithm.
    """
    single, pairs = crf.expected(tape.chain, tape.sums)
    table = embedding.backward(params.emissions.T, tape.rows, single)  # HM2*
    return Params(single[0].sum(0), pairs, table.T)  # HM3*


def _scores_bar(scores: Any, counts: Any, log_z_bar: Any) -> Any:
    """The cotangent of scores. `counts` says how often the log-likelihood contains each of their log-probabilities."""
    log_p_bar = counts * log_z_bar  # HM3*
    return log_p_bar - softmax(scores) * log_p_bar.sum(-1, keepdims=True)  # HM1*


def fit(ids: np.ndarray, lengths: Any, tags: np.ndarray, V: int, K: int, smoothing: float = 1.0) -> Params:
    """Estimates the parameters by counting in tagged sequences.

    Args:
        ids: Symbols, integers (T, B).
        lengths: Number of steps of each sequence, integers (B,); None: all steps.
        tags: Tags, integers (T, B).
        V: Number of symbols.
        K: Number of tags.
        smoothing: Added to every count. 1 is Laplace's rule, the posterior mean under a uniform prior. It must not be
            0: a symbol that was never seen would make every sequence that contains it impossible.

    Returns:
        The logarithms of the relative frequencies.

    Raises:
        BadInput: Shapes, symbols, tags or the smoothing do not fit.
    """
    if not 0 < smoothing < np.inf:
        raise BadInput(f"hmm: smoothing must be positive and finite, got {smoothing}")
    counts = Params(np.zeros(K), np.zeros((K, K)), np.zeros((K, V)))
    ids = _without_padding(counts, ids, lengths)
    keep = real_steps("hmm", lengths, *ids.shape)
    check_numbers("hmm: tags", tags, keep, K)
    real = keep[..., 0]
    np.add.at(counts.start, tags[0], 1)
    np.add.at(counts.transitions, (tags[:-1][real[1:]], tags[1:][real[1:]]), 1)
    np.add.at(counts.emissions, (tags[real], ids[real]), 1)
    return Params(*(np.log((n + smoothing) / (n + smoothing).sum(-1, keepdims=True)) for n in counts))


def decode(params: Params, ids: np.ndarray, lengths: Any = None) -> np.ndarray:
    """The most probable tags, by Viterbi's algorithm, in NumPy.

    Args:
        params: Scores.
        ids: Symbols, integers (T, B).
        lengths: Number of steps of each sequence, integers (B,); None: all steps.

    Returns:
        Tags, integers (T, B), −1 in the padding.
    """
    _, tape = forward(Params(*map(np.asarray, params)), ids, lengths)
    return crf.decode(tape.chain, tape.sums.emissions, lengths)


def marginals(params: Params, ids: Any, lengths: Any = None) -> Any:
    """p(tag at t | symbols), (T, B, K), zero in the padding."""
    _, tape = forward(params, ids, lengths)
    return crf.expected(tape.chain, tape.sums)[0]


def _without_padding(params: Params, ids: Any, lengths: Any) -> Any:
    """The symbols, with 0 in the padding."""
    K, V, shapes = np.size(params.start), np.shape(params.emissions)[-1:], [np.shape(v) for v in params]
    if shapes != [(K,), (K, K), (K, *V)]:
        raise BadInput(f"hmm: parameters must be (K,), (K, K) and (K, V), got {', '.join(map(str, shapes))}")
    if ids.ndim != 2 or ids.shape[0] == 0:
        raise BadInput(f"hmm: ids must be (T, B), T >= 1, got {tuple(ids.shape)}")
    keep = real_steps("hmm", lengths, *ids.shape)
    check_numbers("hmm: ids", ids, keep, V[0])
    return where(keep[..., 0], ids, 0)
