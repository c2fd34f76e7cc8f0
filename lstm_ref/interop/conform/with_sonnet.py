"""Sonnet 2: its cores in `dynamic_unroll`, two of them in `DeepRNN`; differentiated by TensorFlow."""

from __future__ import annotations

from functools import partial, reduce
from typing import Any

import sonnet
import tensorflow as tf

from lstm_ref.interop.conform.features import FeatureCase
from lstm_ref.interop.conform.with_tensorflow import answer as answer
from lstm_ref.shapes import Outputs

VERSION = sonnet.__version__
DTYPES = ("float64", "float32")
WITHOUT = ""
LACKS = {
    "gru, reset after": "its GRU resets before the product",
    "gru, lengths": "its GRU resets before the product",
    "gru, two layers": "its GRU resets before the product",
    "lstm, both directions": "dynamic_unroll runs one direction",
    "lstm, two layers, both directions, lengths": "dynamic_unroll runs one direction",
}
TRAPS = (
    "forget_bias initialises b_f with 1",
    "in the padding the last output is repeated (here it is multiplied by a mask)",
)


def _cores(
    kind: Any, given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any, **more: Any
) -> Outputs:
    """One core per layer. A convolutional core is given the shape of its input."""
    cores, x = [], xs[0]
    for one, state in zip(weights, initial, strict=True):
        H = state.h.shape[-1]
        sizes = (x.shape[1:], H, 3) if x.shape.rank > 2 else (H,)
        core = kind(*sizes, dtype=xs.dtype, **more)
        x, _ = core(x, core.initial_state(len(x)))  # makes its variables, whose place the weights take
        for path, v in one.items():
            *within, name = path.split(".")
            setattr(reduce(getattr, within, core), name, v)
        cores.append(core)
    start = tuple(sonnet.LSTMState(*s) if len(s) == 2 else s.h for s in initial)
    hs, final = sonnet.dynamic_unroll(sonnet.DeepRNN(cores), xs, start, given.lengths)
    if given.lengths is not None:
        hs = hs * tf.sequence_mask(given.lengths, len(xs), hs.dtype).numpy().T[..., None]
    return Outputs(hs, [type(s)(*v) if len(s) == 2 else type(s)(v) for s, v in zip(initial, final, strict=True)])


_LSTM = {"sonnet.LSTM": partial(_cores, sonnet.LSTM)}
RUNS = {
    "rnn, tanh": {"sonnet.VanillaRNN": partial(_cores, sonnet.VanillaRNN)},
    "rnn, relu": {"sonnet.VanillaRNN(relu)": partial(_cores, sonnet.VanillaRNN, activation=tf.nn.relu)},
    "lstm": _LSTM,
    "gru, reset before": {"sonnet.GRU": partial(_cores, sonnet.GRU)},
    "lstm, convolutional 1-D": {"sonnet.Conv1DLSTM": partial(_cores, sonnet.Conv1DLSTM)},
    "lstm, convolutional 2-D": {"sonnet.Conv2DLSTM": partial(_cores, sonnet.Conv2DLSTM)},
    "lstm, lengths": _LSTM,
    "lstm, two layers": _LSTM,
}
