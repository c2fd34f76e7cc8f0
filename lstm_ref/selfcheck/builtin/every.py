"""All built-in problems by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import get_args

from lstm_ref.cells import CELLS
from lstm_ref.checking.problem import Problem
from lstm_ref.selfcheck.builtin.common import LENGTHS, Random
from lstm_ref.selfcheck.builtin.layers import (
    OVER_TIME,
    attention_layer,
    crf_layer,
    dense_layer,
    embedding_layer,
    losses,
    over_time_layer,
)
from lstm_ref.selfcheck.builtin.models import (
    READ,
    TAGGERS,
    character_model,
    hidden_markov_model,
    sequence_tagger,
    spelled_words,
    text_classifier,
    translator,
)
from lstm_ref.selfcheck.builtin.recurrences import (
    cell_step,
    custom_vjp,
    second_order,
    through_time,
    truncated,
    truncated_of_1997,
)
from lstm_ref.selfcheck.builtin.ways import (
    both_directions,
    learned_initial_state,
    other_way,
    real_time_recurrent_learning,
)
from lstm_ref.through_time import bidirectional, fast_lstm, mlstm_parallel, parallel, persistent
from lstm_ref.through_time.checkpointed import in_scanned_pieces
from lstm_ref.through_time.pieces import in_pieces

THROUGH_EVERY_LOOP = ("rnn_tanh", "lstm", "gru")
"""Cells by which each way through time is proven; a way knows nothing about the cell that it runs."""


def problems() -> dict[str, Callable[[Random], Problem]]:
    """Every built-in problem by name: a function of a NumPy generator."""
    found: dict[str, Callable[[Random], Problem]] = {}
    for cell in CELLS.values():
        found[f"cell/{cell.name}"] = partial(cell_step, cell)
    found["layer/dense"] = dense_layer
    found["layer/embedding"] = embedding_layer
    for reduction in ("mean", "sum"):
        found[f"layer/crf-{reduction}"] = partial(crf_layer, reduction=reduction)
    for kind in ("additive", "dot"):
        found[f"layer/attention-{kind}"] = partial(attention_layer, kind)
    for kind in OVER_TIME:
        found[f"layer/{kind}-over-time"] = partial(over_time_layer, kind)
    found |= losses()
    for cell in CELLS.values():
        found[f"time/{cell.name}-lengths"] = partial(through_time, cell, lengths=LENGTHS, kind="-lengths")
    for name in THROUGH_EVERY_LOOP:
        cell = CELLS[name]
        found[f"time/{name}"] = partial(through_time, cell)
        found[f"time/{name}-reversed"] = partial(through_time, cell, lengths=LENGTHS, reverse=True, kind="-reversed")
        found[f"time/{name}-custom-vjp"] = partial(custom_vjp, cell)
        found[f"time/{name}-truncated"] = partial(truncated, cell)
    found["time/original-truncated-1997"] = truncated_of_1997
    for name in parallel.LINEAR:
        found[f"time/{name}-parallel"] = other_way(CELLS[name], "-parallel", parallel.PARALLEL)
    for name in ("mlstm", "mlstm_scaled_query"):
        found[f"time/{name}-parallel"] = other_way(CELLS[name], "-parallel", mlstm_parallel.PARALLEL)
    found["time/mlstm-chunkwise"] = other_way(CELLS["mlstm"], "-chunkwise", in_pieces(4, mlstm_parallel.PARALLEL))
    found["time/lstm-checkpointed"] = other_way(CELLS["lstm"], "-checkpointed", in_scanned_pieces(4, 3))
    found["time/lstm-fast"] = other_way(CELLS["lstm"], "-fast", fast_lstm.with_pieces_of(4))
    found["time/lstm-pieces"] = other_way(CELLS["lstm"], "-pieces", in_pieces(4))
    found["time/lstm-persistent"] = other_way(CELLS["lstm"], "-persistent", persistent.PERSISTENT)
    found["time/lstm-rtrl"] = real_time_recurrent_learning
    found["time/lstm-learned-initial"] = partial(learned_initial_state, CELLS["lstm"])
    for merge in get_args(bidirectional.Merge):
        found[f"time/bidirectional-{merge}"] = partial(both_directions, merge)
    for name in ("rnn_tanh", "lstm"):
        found[f"second-order/{name}"] = partial(second_order, CELLS[name])
    found["models/char-lm"] = character_model
    for kind in READ:
        found[f"models/classifier-{kind}"] = partial(text_classifier, kind)
    found["models/spelling"] = spelled_words
    for kind in TAGGERS:
        found[f"models/tagger-{kind}"] = partial(sequence_tagger, kind)
    found["models/hmm"] = hidden_markov_model
    for kind in ("additive", "dot"):
        found[f"models/translation-{kind}"] = partial(translator, kind)
    return found
