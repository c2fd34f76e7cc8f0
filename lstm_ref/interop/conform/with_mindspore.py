"""MindSpore: its layers on the CPU, in PyNative mode; differentiated by its value_and_grad."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import jax
import mindspore
import numpy as np
from mindspore import Tensor, nn

from lstm_ref.interop.conform.features import FeatureCase, LayerResult
from lstm_ref.shapes import Outputs

mindspore.set_context(mode=mindspore.PYNATIVE_MODE)
mindspore.set_device("CPU")
with suppress(SystemError):  # built for NumPy 1, its first operation fails under NumPy 2, and no later one does
    mindspore.ops.flip(Tensor(np.ones(2, np.float32)), (0,)).asnumpy()

VERSION = mindspore.__version__
DTYPES = ("float32",)
WITHOUT = "no float64: its layers are for float32 and float16"
LACKS = {"gru, reset before": "its GRU resets after the product"}
TRAPS = ("seq_length is int32, and its layers of several lengths run step by step",)


def answer(layer_of: Callable[..., Any], given: FeatureCase, weights: list[dict[str, Any]]) -> LayerResult:
    """The outputs and gradients of a layer that is given its weights by name."""
    feature, sizes = given.feature, (given.xs.shape[-1], given.initial[0].h.shape[-1])
    layer = layer_of(*sizes, num_layers=feature.layers, bidirectional=feature.both)
    own = {p.name: p for p in layer.get_parameters()}
    every = [(own[name], v) for one in weights for name, v in one.items()]
    for parameter, v in every:
        parameter.set_data(Tensor(v))
    lengths = None if given.lengths is None else Tensor(given.lengths.astype(np.int32))
    bars = [Tensor(v) for v in jax.tree.leaves(given.bar)]

    def loss(xs: Any, *start: Any) -> Any:
        hs, last = layer(xs, start if len(start) > 1 else start[0], lengths)
        last = last if isinstance(last, tuple) else (last,)
        outputs = Outputs(hs, [type(s)(*(v[n] for v in last)) for n, s in enumerate(given.initial)])
        flat = jax.tree.leaves(outputs)
        return sum((out * bar).sum() for out, bar in zip(flat, bars, strict=True)), flat

    start = [Tensor(np.stack([s[k] for s in given.initial])) for k in range(len(given.initial[0]))]
    differentiated = mindspore.value_and_grad(loss, tuple(range(1 + len(start))), [p for p, _ in every], has_aux=True)
    (_, flat), ((xs_bar, *bars_of_start), of_weights) = differentiated(Tensor(given.xs), *start)
    outputs = jax.tree.unflatten(jax.tree.structure(given.bar), flat)
    by_name = {p.name: v for (p, _), v in zip(every, of_weights, strict=True)}
    params = [{name: by_name[name] for name in one} for one in weights]
    initial = [type(s)(*(v[n] for v in bars_of_start)) for n, s in enumerate(given.initial)]
    return jax.tree.map(lambda v: v.asnumpy(), LayerResult(outputs, params, initial, xs_bar))


_LSTM, _GRU = {"mindspore.nn.LSTM": nn.LSTM}, {"mindspore.nn.GRU": nn.GRU}
RUNS: dict[str, dict[str, Any]] = {
    "rnn, tanh": {"mindspore.nn.RNN": nn.RNN},
    "rnn, relu": {"mindspore.nn.RNN(relu)": partial(nn.RNN, nonlinearity="relu")},
    "lstm": _LSTM,
    "gru, reset after": _GRU,
    "lstm, lengths": _LSTM,
    "gru, lengths": _GRU,
    "lstm, both directions": _LSTM,
    "lstm, two layers": _LSTM,
    "gru, two layers": _GRU,
    "lstm, two layers, both directions, lengths": _LSTM,
}
