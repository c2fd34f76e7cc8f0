"""Hidden Markov model: a tagger's baseline that counts. Edges HM1-HM4 forward, HM1*-HM4* backward; derivations/hmm.md.

The loss is −ln p(symbols), the sum over all sequences of tags: ln Z of a chain (CR1-CR3, derivations/crf.md) whose
scores are log-probabilities. Conventions that bite: the parameters are scores, of which a softmax over the last axis
makes probabilities, so that all finite ones are allowed and adding a number to a row changes nothing; tags stand beside
the symbols in `fit` alone; there is no probability of the end; the mean is over sequences, each of at least one step.
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
    """Of the first tag, (K,)."""
    transitions: Any
    """Of the second tag after the first, (K, K)."""
    emissions: Any
    """Of the symbol at the tag, (K, V)."""


class Tape(NamedTuple):
    """What `forward` leaves for `backward`."""

    chain: crf.Params
    rows: embedding.Tape
    sums: crf.Sums
    scale: Any


def initial_parameters(rng: np.random.Generator, V: int, K: int) -> Params:
    """Uniform in ±0.1: equal ones would stay equal. Float64."""
    return Params(*(rng.uniform(-0.1, 0.1, shape) for shape in ((K,), (K, K), (K, V))))


def forward(params: Params, ids: Any, lengths: Any = None, reduction: Reduction = "mean") -> tuple[Any, Tape]:
    """The loss, a scalar in nats, for symbols ids, integers (T, B), of any value in the padding.

    Raises BadInput where shapes or symbols do not fit, or a sequence has no step.
    """
    ids = _without_padding(params, ids, lengths)
    start, transitions, table = (v - logsumexp(v)[..., None] for v in params)  # HM1
    emissions, rows = embedding.forward(table.T, ids)  # HM2
    chain = crf.Params(transitions, start, np.zeros(start.shape, start.dtype))
    sums = crf.partition(chain, emissions, lengths)  # HM3
    scale = weight(reduction, int(ids.shape[1]))
    return -sums.log_z.sum() * scale, Tape(chain, rows, sums, scale)  # HM4


def backward(params: Params, tape: Tape, loss_bar: Any = 1.0) -> Params:
    """Cotangent of the parameters, given that of the loss."""
    log_z_bar = -tape.scale * loss_bar  # HM4*
    counts = expected(params, tape)
    return Params(*(_scores_bar(v, n, log_z_bar) for v, n in zip(params, counts, strict=True)))


def expected(params: Params, tape: Tape) -> Params:
    """How often each tag is expected to start, each to follow each, and each symbol to stand at each, given the symbols
    of the batch. Their logarithms are the parameters after a step of Baum and Welch."""
    single, pairs = crf.expected(tape.chain, tape.sums)
    table = embedding.backward(params.emissions.T, tape.rows, single)  # HM2*
    return Params(single[0].sum(0), pairs, table.T)  # HM3*


def _scores_bar(scores: Any, counts: Any, log_z_bar: Any) -> Any:
    """Cotangent of scores, of whose log-probabilities the log-likelihood counts this many."""
    log_p_bar = counts * log_z_bar  # HM3*
    return log_p_bar - softmax(scores) * log_p_bar.sum(-1, keepdims=True)  # HM1*


def fit(ids: np.ndarray, lengths: Any, tags: np.ndarray, V: int, K: int, smoothing: float = 1.0) -> Params:
    """Logarithms of relative frequencies in tagged symbols, both (T, B), with `smoothing` added to every count.

    1 is Laplace's rule, the posterior mean under a uniform prior. It is never 0: a symbol that was seen at no tag would
    make every sequence that it stands in impossible.
    Raises BadInput where shapes, symbols, tags or the smoothing do not fit.
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
    """The most probable tags, integers (T, B), −1 in the padding: Viterbi's algorithm, in NumPy."""
    _, tape = forward(Params(*map(np.asarray, params)), ids, lengths)
    return crf.decode(tape.chain, tape.sums.emissions, lengths)


def marginals(params: Params, ids: Any, lengths: Any = None) -> Any:
    """p(tag at t | symbols), (T, B, K), zero in the padding."""
    _, tape = forward(params, ids, lengths)
    return crf.expected(tape.chain, tape.sums)[0]


def _without_padding(params: Params, ids: Any, lengths: Any) -> Any:
    """The symbols, 0 in the padding."""
    K, V, shapes = np.size(params.start), np.shape(params.emissions)[-1:], [np.shape(v) for v in params]
    if shapes != [(K,), (K, K), (K, *V)]:
        raise BadInput(f"hmm: parameters must be (K,), (K, K) and (K, V), got {', '.join(map(str, shapes))}")
    if ids.ndim != 2 or ids.shape[0] == 0:
        raise BadInput(f"hmm: ids must be (T, B), T >= 1, got {tuple(ids.shape)}")
    keep = real_steps("hmm", lengths, *ids.shape)
    check_numbers("hmm: ids", ids, keep, V[0])
    return where(keep[..., 0], ids, 0)
