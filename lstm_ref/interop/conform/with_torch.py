"""torch: modules and cells, differentiated by its autograd."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from lstm_ref.interop.conform.features import FeatureCase, Forward, differentiated_by, step_by_step
from lstm_ref.shapes import Outputs

VERSION = torch.__version__
DTYPES = ("float64", "float32")
WITHOUT = ""
LACKS = {
    "gru, reset before": "torch's GRU resets after the product",
}
TRAPS = (
    "pack_padded_sequence wants the lengths in descending order, or enforce_sorted=False",
    "pad_packed_sequence gives as many steps as the longest sequence has, unless total_length is given",
    "batch_first affects only inputs and outputs: the states stay (layers, B, H)",
)


def _module(
    kind: Any, given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any, **more: Any
) -> Any:
    """Runs a module with all its layers."""
    sizes = {"num_layers": given.feature.layers, "bidirectional": given.feature.both}
    width = initial[0][-1].shape[-1]
    return called(kind(xs.shape[-1], width, **sizes, **more), given, weights, initial, xs)


def called(module: Any, given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any) -> Outputs:
    """Calls a module as torch's are called, with these weights in place of its parameters."""
    module = module.to(xs.dtype)
    start = tuple(torch.stack([s[k] for s in initial]) for k in range(len(initial[0])))
    if given.lengths is not None:
        xs = torch.nn.utils.rnn.pack_padded_sequence(xs, torch.tensor(given.lengths))
    every = {name: v for one in weights for name, v in one.items()}
    hs, last = torch.func.functional_call(module, every, (xs, start if len(start) > 1 else start[0]))
    if given.lengths is not None:
        hs, _ = torch.nn.utils.rnn.pad_packed_sequence(hs, total_length=given.xs.shape[0])
    last = last if isinstance(last, tuple) else (last,)
    return Outputs(hs, [type(s)(*(v[n] for v in last)) for n, s in enumerate(initial)])


def _cell(kind: Any, given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any) -> Any:
    """Runs a cell step by step."""
    return stepped(kind(xs.shape[-1], initial[0].h.shape[-1]), given, weights, initial, xs)


def stepped(module: Any, given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any) -> Outputs:
    """Calls a cell that exists step by step."""
    module = module.to(xs.dtype)

    def step(x: Any, state: Any) -> Any:
        new = torch.func.functional_call(module, weights[0], (x, tuple(state) if len(state) > 1 else state[0]))
        return new if isinstance(new, tuple) else (new,)

    return step_by_step(step, initial[0], xs, torch.stack)


def _of(how: Any, kind: Any, **more: Any) -> Forward:
    return partial(how, kind, **more)


nn = torch.nn
_LSTM, _GRU = {"torch.nn.LSTM": _of(_module, nn.LSTM)}, {"torch.nn.GRU": _of(_module, nn.GRU)}
RUNS = {
    "rnn, tanh": {"torch.nn.RNN": _of(_module, nn.RNN), "torch.nn.RNNCell": _of(_cell, nn.RNNCell)},
    "rnn, relu": {"torch.nn.RNN(relu)": _of(_module, nn.RNN, nonlinearity="relu")},
    "lstm": {**_LSTM, "torch.nn.LSTMCell": _of(_cell, nn.LSTMCell)},
    "gru, reset after": {**_GRU, "torch.nn.GRUCell": _of(_cell, nn.GRUCell)},
    "lstm, projected": {"torch.nn.LSTM(proj_size)": _of(_module, nn.LSTM, proj_size=4)},
    "lstm, lengths": _LSTM,
    "gru, lengths": _GRU,
    "lstm, both directions": _LSTM,
    "lstm, two layers": _LSTM,
    "gru, two layers": _GRU,
    "lstm, two layers, both directions, lengths": _LSTM,
}


def _vjp(function: Any, arrays: list[Any], bars: list[Any]) -> Any:
    read = [v.requires_grad_() for v in arrays]
    outputs = function(*read)
    return outputs, torch.autograd.grad(outputs, read, bars, allow_unused=True)


answer = differentiated_by(_vjp, torch.tensor, lambda v: v.detach().numpy())
