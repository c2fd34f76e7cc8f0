"""Flax: linen's cells in its `RNN` and `Bidirectional`, nnx's cells step by step; differentiated by JAX."""

from __future__ import annotations

from functools import partial
from typing import Any

import flax
import jax
from flax import linen, nnx

from lstm_ref.interop.conform.features import CONVOLUTION_IN_A_SCAN, FeatureCase, Forward, by_jax, nested
from lstm_ref.shapes import Outputs

VERSION = flax.__version__
DTYPES = ("float64", "float32")
WITHOUT = ""
LACKS = {
    "gru, reset before": "its GRUCell resets after the product",
}
TRAPS = (
    "a cell's carry is (c, h), c first",
    "RNN with seq_lengths also computes in the padding: the final carry is right, the outputs there are not zero "
    "(here they are multiplied by a mask)",
    "an RNN is one layer: stack two by hand",
    CONVOLUTION_IN_A_SCAN,
)


def _carry(state: Any) -> Any:
    return (state.c, state.h) if len(state) == 2 else state.h


def _state(like: Any, carry: Any) -> Any:
    return type(like)(*reversed(carry)) if len(like) == 2 else type(like)(carry)


def _linen(cell: Any, given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any) -> Any:
    """Runs the layers one after the other; `cell(features)` makes a cell."""
    features, lengths = initial[0].h.shape[-1], given.lengths
    how: Any = {"time_major": True, "return_carry": True, "seq_lengths": lengths}
    mask: Any = 1
    if lengths is not None:
        mask = (jax.numpy.arange(len(xs))[:, None] < lengths)[..., None].astype(xs.dtype)
    final: list[Any] = []
    for n in range(0, len(initial), given.feature.directions):
        if given.feature.both:
            layer: Any = linen.Bidirectional(linen.RNN(cell(features)), linen.RNN(cell(features)))
            params = {name: {"cell": nested(weights[n + k])} for k, name in enumerate(("forward_rnn", "backward_rnn"))}
            start: Any = _carry(initial[n]), _carry(initial[n + 1])
        else:
            layer, params, start = linen.RNN(cell(features)), {"cell": nested(weights[n])}, _carry(initial[n])
        carry, xs = layer.apply({"params": params}, xs, initial_carry=start, **how)
        xs = xs * mask
        final += [_state(initial[n], c) for c in (carry if given.feature.both else (carry,))]
    return Outputs(xs, final)


def _nnx(cell: Any, given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any) -> Any:
    """Runs a cell in a scan: step by step, XLA would compile every step."""
    module = cell(xs.shape[-1], initial[0].h.shape[-1], rngs=nnx.Rngs(0))
    for name, v in weights[0].items():
        of, kind = name.split(".")
        setattr(getattr(module, of), kind, nnx.Param(v))

    def step(state: Any, x: Any) -> Any:
        state = _state(state, module(_carry(state), x)[0])
        return state, state.h

    final, hs = jax.lax.scan(step, initial[0], xs)
    return Outputs(hs, [final])


def _of(how: Any, kind: Any, **more: Any) -> Forward:
    return partial(how, partial(kind, **more))


_LSTM, _GRU = {"flax.linen.LSTMCell": _of(_linen, linen.LSTMCell)}, {"flax.linen.GRUCell": _of(_linen, linen.GRUCell)}
RUNS = {
    "rnn, tanh": {"flax.linen.SimpleCell": _of(_linen, linen.SimpleCell)},
    "rnn, relu": {"flax.linen.SimpleCell(relu)": _of(_linen, linen.SimpleCell, activation_fn=linen.relu)},
    "lstm": {
        **_LSTM,
        "flax.linen.OptimizedLSTMCell": _of(_linen, linen.OptimizedLSTMCell),
        "flax.nnx.LSTMCell": _of(_nnx, nnx.LSTMCell),
        "flax.nnx.OptimizedLSTMCell": _of(_nnx, nnx.OptimizedLSTMCell),
    },
    "gru, reset after": {**_GRU, "flax.nnx.GRUCell": _of(_nnx, nnx.GRUCell)},
    "lstm, convolutional 1-D": {"flax.linen.ConvLSTMCell(1-D)": _of(_linen, linen.ConvLSTMCell, kernel_size=(3,))},
    "lstm, convolutional 2-D": {"flax.linen.ConvLSTMCell(2-D)": _of(_linen, linen.ConvLSTMCell, kernel_size=(3, 3))},
    "lstm, lengths": _LSTM,
    "gru, lengths": _GRU,
    "lstm, both directions": _LSTM,
    "lstm, two layers": _LSTM,
    "gru, two layers": _GRU,
    "lstm, two layers, both directions, lengths": _LSTM,
}
answer = by_jax
