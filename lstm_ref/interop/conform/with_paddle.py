"""Paddle: its layers, differentiated by its autograd."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import paddle

from lstm_ref.interop.conform.features import FeatureCase, LayerResult
from lstm_ref.shapes import Outputs

VERSION = paddle.__version__
DTYPES = ("float64", "float32")
WITHOUT = ""
LACKS = {"gru, reset before": "its GRU resets after the product"}
TRAPS = ("time_major is False unless it is set: inputs and outputs are then (B, T, …)",)


def answer(layer_of: Callable[..., Any], given: FeatureCase, weights: list[dict[str, Any]]) -> LayerResult:
    """The outputs and gradients of a layer that is given its weights by name."""
    feature, sizes = given.feature, (given.xs.shape[-1], given.initial[0][-1].shape[-1])
    paddle.set_default_dtype(given.dtype.name)
    direction = "bidirect" if feature.both else "forward"
    layer = layer_of(*sizes, num_layers=feature.layers, direction=direction, time_major=True)
    own = dict(layer.named_parameters())
    for one in weights:
        for name, v in one.items():
            own[name].set_value(v)
    read = jax.tree.map(lambda v: paddle.to_tensor(v, stop_gradient=False), (given.initial, given.xs))
    start = [paddle.stack([s[k] for s in read[0]]) for k in range(len(given.initial[0]))]
    lengths = None if given.lengths is None else paddle.to_tensor(given.lengths)
    hs, last = layer(read[1], tuple(start) if len(start) > 1 else start[0], lengths)
    last = last if isinstance(last, (list, tuple)) else (last,)
    outputs = Outputs(hs, [type(s)(*(v[n] for v in last)) for n, s in enumerate(given.initial)])
    every, structure = jax.tree.flatten(([{name: own[name] for name in one} for one in weights], *read))
    bars = [paddle.to_tensor(v) for v in jax.tree.leaves(given.bar)]
    gradients = jax.tree.unflatten(structure, paddle.grad(jax.tree.leaves(outputs), every, bars))
    return jax.tree.map(lambda v: v.numpy(), LayerResult(outputs, *gradients))


nn = paddle.nn
_LSTM, _GRU = {"paddle.nn.LSTM": nn.LSTM}, {"paddle.nn.GRU": nn.GRU}
RUNS: dict[str, dict[str, Any]] = {
    "rnn, tanh": {"paddle.nn.SimpleRNN": nn.SimpleRNN},
    "rnn, relu": {"paddle.nn.SimpleRNN(relu)": partial(nn.SimpleRNN, activation="relu")},
    "lstm": _LSTM,
    "gru, reset after": _GRU,
    "lstm, projected": {"paddle.nn.LSTM(proj_size)": partial(nn.LSTM, proj_size=4)},
    "lstm, lengths": _LSTM,
    "gru, lengths": _GRU,
    "lstm, both directions": _LSTM,
    "lstm, two layers": _LSTM,
    "gru, two layers": _GRU,
    "lstm, two layers, both directions, lengths": _LSTM,
}
