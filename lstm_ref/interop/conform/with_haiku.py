"""Haiku: its cores in `dynamic_unroll`, two of them in `DeepRNN`; differentiated by JAX."""

from __future__ import annotations

from functools import partial
from typing import Any

import haiku

from lstm_ref.interop.conform.features import CONVOLUTION_IN_A_SCAN, FeatureCase, Forward, by_jax
from lstm_ref.shapes import Outputs

VERSION = haiku.__version__
DTYPES = ("float64", "float32")
WITHOUT = ""
_LENGTHS = "dynamic_unroll takes no lengths"
LACKS = {
    "rnn, tanh": "its VanillaRNN is relu",
    "gru, reset after": "its GRU resets before the product",
    "lstm, lengths": _LENGTHS,
    "gru, lengths": _LENGTHS,
    "lstm, both directions": "dynamic_unroll runs one direction, forward or in reverse",
    "gru, two layers": "its GRU resets before the product",
    "lstm, two layers, both directions, lengths": _LENGTHS,
}
TRAPS = ("VanillaRNN has two biases unless double_bias=False", CONVOLUTION_IN_A_SCAN)


def _core(
    kind: Any, places: bool, given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any, **more: Any
) -> Any:
    """One core per layer. A convolutional core is given the shape of its input."""
    sizes = (xs.shape[2:], initial[0].h.shape[-1], 3) if places else (initial[0].h.shape[-1],)

    def unrolled(start: Any, xs: Any) -> Any:
        cores = [kind(*sizes, name=f"layer{k}", **more) for k in range(len(initial))]
        hs, final = haiku.dynamic_unroll(haiku.DeepRNN(cores), xs, start)
        return hs, final

    parameters: dict[str, dict[str, Any]] = {}
    for k, one in enumerate(weights):
        for name, v in one.items():
            within, _, last = name.rpartition(".")
            parameters.setdefault("/".join([f"layer{k}", *filter(None, [within])]), {})[last] = v
    start = tuple(haiku.LSTMState(*s) if len(s) == 2 else s.h for s in initial)
    transformed: Any = haiku.without_apply_rng(haiku.transform(unrolled))
    hs, final = transformed.apply(parameters, start, xs)
    return Outputs(hs, [type(s)(*v) if len(s) == 2 else type(s)(v) for s, v in zip(initial, final, strict=True)])


def _of(kind: Any, places: bool = False, **more: Any) -> Forward:
    return partial(_core, kind, places, **more)


_LSTM = {"haiku.LSTM": _of(haiku.LSTM)}
RUNS = {
    "rnn, relu": {"haiku.VanillaRNN(double_bias=False)": _of(haiku.VanillaRNN, double_bias=False)},
    "lstm": _LSTM,
    "gru, reset before": {"haiku.GRU": _of(haiku.GRU)},
    "lstm, convolutional 1-D": {"haiku.Conv1DLSTM": _of(haiku.Conv1DLSTM, places=True)},
    "lstm, convolutional 2-D": {"haiku.Conv2DLSTM": _of(haiku.Conv2DLSTM, places=True)},
    "lstm, two layers": _LSTM,
}
answer = by_jax
