"""The problems that `lstm-ref verify` proves: one for every hand-written backward pass of this package.

They are built to expose mistakes, because easy problems hide them: several steps, H ≠ D, weights about ½, every bias
and initial state random and not zero, a random cotangent on every output and on the final state.
"""

from lstm_ref.selfcheck.builtin.common import LENGTHS, B, D, H, K, T, like, numpy_alone, recurrence
from lstm_ref.selfcheck.builtin.every import problems
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
from lstm_ref.selfcheck.builtin.recurrences import adjoints_through_time, cell_step, through_time, truncated
from lstm_ref.selfcheck.builtin.ways import both_directions, learned_initial_state, real_time_recurrent_learning

__all__ = [
    "LENGTHS",
    "OVER_TIME",
    "READ",
    "TAGGERS",
    "B",
    "D",
    "H",
    "K",
    "T",
    "adjoints_through_time",
    "attention_layer",
    "both_directions",
    "cell_step",
    "character_model",
    "crf_layer",
    "dense_layer",
    "embedding_layer",
    "hidden_markov_model",
    "learned_initial_state",
    "like",
    "losses",
    "numpy_alone",
    "over_time_layer",
    "problems",
    "real_time_recurrent_learning",
    "recurrence",
    "sequence_tagger",
    "spelled_words",
    "text_classifier",
    "through_time",
    "translator",
    "truncated",
]
