"""OpenVINO: its sequence operations on the CPU, all directions of a layer in one node. It has no gradients."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import openvino
from openvino import opset5

from lstm_ref.interop.conform.features import FeatureCase, Forward, outputs_alone
from lstm_ref.shapes import Outputs

VERSION = openvino.__version__.partition("-")[0]
DTYPES = ("float32",)
WITHOUT = "forward only; no float64: the CPU computes its sequences in float32"
_ONE = "an operation is one layer: chain the nodes"
LACKS = dict.fromkeys(("lstm, two layers", "gru, two layers", "lstm, two layers, both directions, lengths"), _ONE)
TRAPS = ("outputs are (B, directions, T, H)", "a CPU with bfloat16 uses it, unless INFERENCE_PRECISION_HINT is f32")


def _node(
    kind: str, given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any, **more: Any
) -> Outputs:
    T, B, _ = xs.shape
    lengths = np.full(B, T) if given.lengths is None else given.lengths
    states = [np.stack([getattr(s, name) for s in initial], 1) for name in initial[0]._fields]
    arrays = [np.concatenate([one[name] for one in weights]) for name in ("W", "R", "B")]
    feeds = [xs.swapaxes(0, 1), *states, lengths.astype(np.int32)]
    read = [opset5.parameter(v.shape, v.dtype) for v in feeds]
    direction = "bidirectional" if given.feature.both else "forward"
    node = getattr(opset5, f"{kind}_sequence")(*read, *arrays, initial[0].h.shape[-1], direction, **more)
    model = openvino.Model(node.outputs(), read)
    found = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(feeds)
    hs, *last = (found[k] for k in range(1 + len(states)))
    finals = [type(s)(*(v[:, n] for v in last)) for n, s in enumerate(initial)]
    return Outputs(np.moveaxis(hs, 2, 0).reshape(T, B, -1), finals)


def _of(kind: str, **more: Any) -> Forward:
    return partial(_node, kind, **more)


_LSTM = {"openvino.LSTMSequence": _of("lstm")}
_GRU = {"openvino.GRUSequence(linear_before_reset)": _of("gru", linear_before_reset=True)}
RUNS = {
    "rnn, tanh": {"openvino.RNNSequence": _of("rnn", activations=["tanh"])},
    "rnn, relu": {"openvino.RNNSequence(relu)": _of("rnn", activations=["relu"])},
    "lstm": _LSTM,
    "gru, reset after": _GRU,
    "gru, reset before": {"openvino.GRUSequence": _of("gru")},
    "lstm, lengths": _LSTM,
    "gru, lengths": _GRU,
    "lstm, both directions": _LSTM,
}
answer = outputs_alone
