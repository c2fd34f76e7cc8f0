"""Keras 3, one layer on top of another; differentiated by its backend: JAX, TensorFlow or torch."""

from __future__ import annotations

import importlib
import os
from functools import partial
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np

from lstm_ref.errors import CannotEvaluate
from lstm_ref.interop.conform.features import FeatureCase, Forward, by_jax
from lstm_ref.shapes import Outputs

BACKEND = keras.backend.backend()
if BACKEND == "jax":
    answer: Any = by_jax
elif BACKEND in ("tensorflow", "torch"):
    answer = importlib.import_module(f"lstm_ref.interop.conform.with_{BACKEND}").answer
else:
    raise CannotEvaluate(f"is not compared on its backend {BACKEND}: set KERAS_BACKEND=jax")

VERSION = f"{keras.__version__} on {BACKEND}"
DTYPES = ("float64", "float32") if BACKEND == "tensorflow" else ("float32",)
WITHOUT = {
    "jax": "no float64: on JAX its tanh is computed in float32, whatever the layer's dtype",
    "torch": "no float64: on torch the layers that loop in Python pass through float32, whatever their dtype",
    "tensorflow": "",
}[BACKEND]
LACKS: dict[str, str] = {}
TRAPS = (
    "in the padding the last output is repeated, unless zero_output_for_mask=True (Bidirectional sets it)",
    "outputs are (B, T, …)",
    "Bidirectional returns the forward direction's final states first: h, c, h, c",
    "stack two layers by hand, and give the mask to each",
)
ORDER = ("kernel", "recurrent_kernel", "bias")
MERGES = {"mean": "ave", "product": "mul"}


def _layer(
    kind: Any, given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any, **more: Any
) -> Any:
    feature, dtype, final, each = given.feature, given.dtype.name, [], given.feature.directions
    xs = keras.ops.swapaxes(xs, 0, 1)
    options: dict[str, Any] = {}
    if given.lengths is not None:
        options["mask"] = keras.ops.array(np.arange(xs.shape[1]) < given.lengths[:, None])
    for n in range(0, len(initial), each):
        whole = {"return_sequences": True, "return_state": True, "zero_output_for_mask": True}
        layer = kind(initial[n].h.shape[-1], dtype=dtype, **whole, **more)
        if feature.both:
            layer = keras.layers.Bidirectional(layer, merge_mode=MERGES.get(feature.merge, feature.merge), dtype=dtype)
        layer.build(tuple(xs.shape))
        frozen = [v.value for v in layer.non_trainable_variables]
        start = [v for s in initial[n : n + each] for v in s]
        of_layer = [v for one in weights[n : n + each] for v in map(one.get, ORDER)]
        (xs, *states), _ = layer.stateless_call(of_layer, frozen, xs, initial_state=start, **options)
        width = len(states) // each
        final += [type(s)(*states[k * width : (k + 1) * width]) for k, s in enumerate(initial[n : n + each])]
    return Outputs(keras.ops.swapaxes(xs, 0, 1), final)


def _of(kind: Any, **more: Any) -> Forward:
    return partial(_layer, kind, **more)


layers = keras.layers
_LSTM, _GRU = {"keras.layers.LSTM": _of(layers.LSTM)}, {"keras.layers.GRU": _of(layers.GRU)}
_PLACES = {"kernel_size": 3, "padding": "same"}
RUNS = {
    "rnn, tanh": {"keras.layers.SimpleRNN": _of(layers.SimpleRNN)},
    "rnn, relu": {"keras.layers.SimpleRNN(relu)": _of(layers.SimpleRNN, activation="relu")},
    "lstm": _LSTM,
    "gru, reset after": _GRU,
    "gru, reset before": {"keras.layers.GRU(reset_after=False)": _of(layers.GRU, reset_after=False)},
    "lstm, convolutional 1-D": {"keras.layers.ConvLSTM1D": _of(layers.ConvLSTM1D, **_PLACES)},
    "lstm, convolutional 2-D": {"keras.layers.ConvLSTM2D": _of(layers.ConvLSTM2D, **_PLACES)},
    "lstm, lengths": _LSTM,
    "gru, lengths": _GRU,
    "lstm, both directions": _LSTM,
    "lstm, two layers": _LSTM,
    "gru, two layers": _GRU,
    "lstm, two layers, both directions, lengths": _LSTM,
}
