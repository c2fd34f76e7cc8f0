"""onnxruntime: the ONNX operators, one node per layer with both its directions. It has no gradients."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import onnx
import onnxruntime

from lstm_ref.interop.conform.features import FeatureCase, Forward, outputs_alone
from lstm_ref.shapes import Outputs

VERSION = onnxruntime.__version__
DTYPES = ("float32",)
WITHOUT = "forward only; no float64: its CPU kernels of LSTM, GRU and RNN are for float32"
_ONE = "an operator is one layer: chain the nodes"
LACKS = {
    "lstm, two layers": _ONE,
    "gru, two layers": _ONE,
    "lstm, two layers, both directions, lengths": _ONE,
}
TRAPS = (
    "Y is (T, directions, B, H)",
    "peephole weights come in the order i, o, f",
    "sequence_lens is int32",
)


def _node(
    kind: str, given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any, **more: Any
) -> Any:
    both = lambda name: np.concatenate([one[name] for one in weights])  # noqa: E731
    inputs = {"X": xs, "W": both("W"), "R": both("R"), "B": both("B"), "sequence_lens": None}
    if given.lengths is not None:
        inputs["sequence_lens"] = given.lengths.astype(np.int32)
    inputs["initial_h"] = np.stack([s.h for s in initial])
    if kind == "LSTM":
        inputs["initial_c"] = np.stack([s.c for s in initial])
    if "P" in weights[0]:
        inputs["P"] = both("P")
    feeds = {name: v for name, v in inputs.items() if v is not None}
    names, outs = [name if name in feeds else "" for name in inputs], ["Y", "Y_h", "Y_c"][: 1 + len(initial[0])]
    helper = onnx.helper
    info = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for name, v in feeds.items()
    ]
    values = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(xs.dtype), None) for name in outs]
    node = helper.make_node(
        *(kind, names, outs),
        hidden_size=initial[0].h.shape[-1],
        **{"direction": "bidirectional" if given.feature.both else "forward"} | more,
    )
    graph = helper.make_graph([node], kind, info, values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    hs, *last = session.run(None, feeds)
    T, _, B, _ = hs.shape
    return Outputs(hs.swapaxes(1, 2).reshape(T, B, -1), [type(s)(*(v[n] for v in last)) for n, s in enumerate(initial)])


def _of(kind: str, **more: Any) -> Forward:
    return partial(_node, kind, **more)


_LSTM, _GRU = {"onnx.LSTM": _of("LSTM")}, {"onnx.GRU(linear_before_reset=1)": _of("GRU", linear_before_reset=1)}
RUNS = {
    "rnn, tanh": {"onnx.RNN": _of("RNN")},
    "rnn, relu": {"onnx.RNN(Relu)": _of("RNN", activations=["Relu"])},
    "lstm": _LSTM,
    "gru, reset after": _GRU,
    "gru, reset before": {"onnx.GRU": _of("GRU")},
    "lstm, peepholes": {"onnx.LSTM(P)": _of("LSTM")},
    "lstm, lengths": _LSTM,
    "gru, lengths": _GRU,
    "lstm, both directions": _LSTM,
}


answer = outputs_alone
