"""Sequence tagger: embedding -> recurrence in both directions -> dense at every step -> loss; gradients by hand.

There are two losses: cross-entropy of each step independently, without the padding; or a conditional random field over
the tags of a sequence. A word may also be read by its characters (`spelling`), which helps with words that were never
seen. The model consists of edges that are derived elsewhere: EM1 (derivations/embedding.md), BI1-BI2
(derivations/bidirectional.md), the cell's, T1-T2 (derivations/bptt.md), F1-F3 (derivations/final_gate.md), CR1-CR5
(derivations/crf.md).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref import sequence
from lstm_ref.arithmetic import concatenate, where
from lstm_ref.cells import Cell
from lstm_ref.cells.cell import arrays
from lstm_ref.cells.lstm import lstm
from lstm_ref.errors import BadInput
from lstm_ref.layers import crf, dense, embedding, softmax_cross_entropy
from lstm_ref.layers.reduction import Reduction
from lstm_ref.models import spelling
from lstm_ref.padding import keep_of
from lstm_ref.sequence import SCAN, Through
from lstm_ref.through_time import bidirectional
from lstm_ref.through_time.bidirectional import Both

PADDING = -1
"""The tag of padding, which the loss ignores."""


class Params(NamedTuple):
    """All trainable parameters, for V symbols, D numbers each, H units per direction and K tags."""

    embedding: Any
    """Table, (V, D)."""
    cells: Both
    head: dense.Params
    """(2H, K)."""
    chain: crf.Params | None = None
    """None: each step is tagged independently."""
    spelling: spelling.Params | None = None
    """None: a word is only its number. Otherwise the cells read D + 2C numbers."""


class Batch(NamedTuple):
    """Sentences as numbers."""

    ids: Any
    """Integers (T, B)."""
    lengths: Any
    """Integers (B,)."""
    tags: Any
    """Integers (T, B); padding may hold any number."""
    characters: Any = None
    """The words' characters, integers (L, T, B); None where the parameters have no spelling."""
    word_lengths: Any = None
    """Integers (T, B), 0 in the padding."""


class Tape(NamedTuple):
    """What `forward` keeps for `backward`."""

    embedding: embedding.Tape
    spelling: spelling.Tape | None
    initial: Both
    xs: Any
    steps: bidirectional.Tape
    outputs: sequence.Outputs
    head: dense.Tape
    emissions: Any
    """Scores of all tags at every step, (T, B, K)."""
    loss: Any


def initial_parameters(
    rng: np.random.Generator,
    V: int,
    D: int,
    H: int,
    K: int,
    chain: bool = True,
    cell: Cell = lstm,
    A: int = 0,
    C: int = 0,
) -> Params:
    """Initialises each part with its own function; float64 NumPy arrays. With C > 0, words are also read by their
    characters (A characters, C numbers each)."""
    read = D + 2 * C
    return Params(
        embedding.initial_parameters(rng, V, D),
        Both(cell.initial_parameters(rng, read, H), cell.initial_parameters(rng, read, H)),
        dense.initial_parameters(rng, 2 * H, K),
        crf.initial_parameters(rng, K) if chain else None,
        spelling.initial_parameters(rng, A, C, cell) if C else None,
    )


def parameter_shapes(
    V: int, D: int, H: int, K: int, chain: bool = True, cell: Cell = lstm, A: int = 0, C: int = 0
) -> Params:
    """`Params` that holds shapes."""
    one = cell.parameter_shapes(D + 2 * C, H)
    return Params(
        (V, D),
        Both(one, one),
        dense.Params((2 * H, K), (K,)),
        crf.Params((K, K), (K,), (K,)) if chain else None,
        spelling.parameter_shapes(A, C, cell) if C else None,
    )


def forward(
    params: Params, batch: Batch, cell: Cell = lstm, through: Through = SCAN, reduction: Reduction = "mean"
) -> tuple[Any, Tape]:
    """The loss of a batch.

    Args:
        params: Parameters of the model.
        batch: The sentences and their tags.
        cell: The recurrence.
        through: The driver through time.
        reduction: Mean or sum.

    Returns:
        The loss in nats, a scalar, and the tape that `backward` reads.

    Raises:
        BadInput: The shapes do not fit.
    """
    T, B = batch.ids.shape
    xs, embedding_tape = embedding.forward(params.embedding, batch.ids)  # EM1
    spelling_tape = None
    if params.spelling is not None:
        characters, word_lengths = _words(batch)
        spelled, spelling_tape = spelling.forward(params.spelling, characters, word_lengths, cell, through)
        xs = concatenate((xs, spelled.reshape(T, B, -1)), axis=-1)
    zeros = arrays(cell.state_shapes(B, params.head.w.shape[0] // 2), lambda shape: np.zeros(shape, _dtype(params)))
    cells, initial = Both(cell, cell), Both(zeros, zeros)
    outputs, steps = bidirectional.forward(cells, params.cells, initial, xs, batch.lengths, through=through)  # BI1, BI2
    emissions, head_tape = dense.forward(params.head, outputs.hs)  # F1
    loss_tape: Any
    if params.chain is None:
        tags = where(keep_of(T, batch.lengths)[..., 0], batch.tags, PADDING)
        loss, loss_tape = softmax_cross_entropy.forward(emissions, tags, reduction, ignore_index=PADDING)  # F2, F3
    else:
        loss, loss_tape = crf.forward(params.chain, emissions, batch.tags, batch.lengths, reduction)  # CR1-CR5
    return loss, Tape(
        *(embedding_tape, spelling_tape, initial, xs, steps, outputs, head_tape, emissions, loss_tape),
    )


def backward(
    params: Params, batch: Batch, tape: Tape, cell: Cell = lstm, through: Through = SCAN, loss_bar: Any = 1.0
) -> Params:
    """Gradients of the loss of `forward`, called with the same arguments.

    Args:
        params: Parameters of the model.
        batch: The sentences and their tags.
        tape: The tape of `forward`.
        cell: As in `forward`.
        through: As in `forward`.
        loss_bar: Cotangent of the loss.

    Returns:
        The gradients with respect to every parameter.
    """
    chain_bar = None
    if params.chain is None:
        emissions_bar = softmax_cross_entropy.backward(tape.loss, loss_bar)  # F3*, F2*
    else:
        chain_bar, emissions_bar = crf.backward(params.chain, tape.loss, loss_bar)  # CR5*-CR1*
    head_bar, hs_bar = dense.backward(params.head, tape.head, emissions_bar)  # F1*
    final_bar = jax.tree.map(lambda v: 0 * v, tape.outputs.final)  # the loss does not read the final states
    given = bidirectional.backward(
        *(Both(cell, cell), params.cells, tape.initial, tape.xs, tape.steps),
        *(sequence.Outputs(hs_bar, final_bar), batch.lengths),
        through=through,
    )  # BI2*, BI1*
    D = params.embedding.shape[1]
    table_bar = embedding.backward(params.embedding, tape.embedding, given.xs[..., :D])  # EM1*
    spelling_bar = None
    if params.spelling is not None and tape.spelling is not None:
        characters, word_lengths = _words(batch)
        spelled_bar = given.xs[..., D:].reshape(characters.shape[1], -1)
        spelling_bar = spelling.backward(params.spelling, tape.spelling, word_lengths, spelled_bar, cell, through)
    return Params(table_bar, given.params, head_bar, chain_bar, spelling_bar)


def predict(params: Params, batch: Batch, cell: Cell = lstm) -> np.ndarray:
    """The best tags, by Viterbi's algorithm, or for each step independently.

    Args:
        params: Parameters of the model.
        batch: The sentences.
        cell: As in `forward`.

    Returns:
        Tags, integers (T, B), −1 in the padding.
    """
    emissions = forward(params, batch._replace(tags=0 * batch.ids), cell)[1].emissions
    return best_tags(params, np.asarray(emissions), np.asarray(batch.lengths))


def best_tags(params: Params, emissions: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Tags as in `predict`, given the scores of all tags (T, B, K)."""
    if params.chain is not None:
        return crf.decode(crf.Params(*map(np.asarray, params.chain)), emissions, lengths)
    keep = keep_of(len(emissions), lengths)[..., 0]
    return np.where(keep, emissions.argmax(-1), PADDING)


def _words(batch: Batch) -> tuple[Any, Any]:
    """Characters (L, T·B) and lengths (T·B,) of all words."""
    T, B = batch.ids.shape
    if batch.characters is None or tuple(batch.characters.shape[1:]) != (T, B):
        got = None if batch.characters is None else tuple(batch.characters.shape)
        raise BadInput(f"tagger: characters must be (L, {T}, {B}), as the parameters have a spelling, got {got}")
    return batch.characters.reshape(-1, T * B), batch.word_lengths.reshape(T * B)


def _dtype(params: Params) -> Any:
    dtype = params.embedding.dtype
    return np.float64 if getattr(dtype, "kind", "f") == "O" else dtype
