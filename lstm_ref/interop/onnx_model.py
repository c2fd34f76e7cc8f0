"""Export to ONNX: a stack of layers of one cell, in one direction or both, as a model that any ONNX runtime can run.

It supports every cell that the operators RNN, LSTM and GRU can compute, by their attributes or by a change of
parameters that keeps the function the same. The model's inputs are X (T, B, D), `lengths` if requested, and the initial
states `h_{layer}`, `c_{layer}` (directions, B, H). Its outputs are Y (T, B, H), or (T, B, 2H), and the final states
`h_{layer}_final`, `c_{layer}_final`. T and B are dynamic.
Source: https://onnx.ai/onnx/operators/, RNN, LSTM and GRU of opset 14.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.cells import CELLS
from lstm_ref.cells.cell import named, solve_sizes
from lstm_ref.cells.lstm import Params as LstmParams
from lstm_ref.cells.lstm import split_gates
from lstm_ref.cells.peephole import Params as PeepholeParams
from lstm_ref.errors import BadInput
from lstm_ref.interop.layout import theirs
from lstm_ref.interop.layouts import LAYOUTS
from lstm_ref.through_time.bidirectional import Both

OPSET, IR_VERSION = 14, 8


class Operator(NamedTuple):
    """The ONNX operator that computes a cell."""

    kind: str
    layout: str
    attributes: dict[str, Any] = {}  # noqa: RUF012
    """Attributes for one direction. Those that list activations are repeated for the other direction."""
    change: Callable[[Any], Any] = lambda p: p
    """Converts our parameters to those of the layout's cell, for the same function."""


def _forget_bias(p: Any) -> Any:
    """Adds the 1 permanently to the bias: FB1 of derivations/forget_bias.md."""
    b = np.array(p.b)
    split_gates(b)[1][...] += 1
    return p._replace(b=b)


def _swapped(p: Any) -> Any:
    """σ(−a) = 1 − σ(a): a gate that is the share written equals the share kept, with the sign of its pre-activation
    flipped."""
    sign = np.repeat([1.0, -1.0, 1.0], p.b.shape[0] // 3).astype(p.b.dtype)  # r, z, n
    return jax.tree.map(lambda v: v * sign, p)


def _affine(p: Any) -> Any:
    """Removes the peepholes, which are all absent."""
    return LstmParams(p.w_x, p.w_h, p.b)


def _with_forget_gate(p: Any) -> Any:
    """Gates s, g, o as i, f, g, o. The operator uses 1 − i for f, whatever the f block holds."""

    def four(v: Any) -> Any:
        s, g, o = np.split(v, 3, axis=-1)
        return np.concatenate((s, 0 * s, g, o), axis=-1)

    return LstmParams(four(p.w_x), four(p.w_h), four(p.b))


def _with_forget_gate_and_peepholes(p: Any) -> Any:
    """As `_with_forget_gate`, for gates i, g, o."""
    w_x, w_h, b = _with_forget_gate(p)
    return PeepholeParams(w_x, w_h, b, p_i=p.p_i, p_f=0 * p.p_i, p_o=p.p_o)


_IDENTITY = {"activation_alpha": [1.0], "activation_beta": [0.0]}
_NO_TANH = {"activations": ["Sigmoid", "Tanh", "Affine"], **_IDENTITY}
OPERATORS = {
    "rnn_tanh": Operator("RNN", "onnx.RNN", {"activations": ["Tanh"]}),
    "rnn_relu": Operator("RNN", "onnx.RNN", {"activations": ["Relu"]}),
    "lstm": Operator("LSTM", "onnx.LSTM"),
    "lstm_forget_bias": Operator("LSTM", "onnx.LSTM", change=_forget_bias),
    "np": Operator("LSTM", "onnx.LSTM", change=_affine),
    "pre_clipped": Operator("LSTM", "onnx.LSTM", {"clip": 1.0}),
    "peephole": Operator("LSTM", "onnx.LSTM(P)"),
    "niaf": Operator("LSTM", "onnx.LSTM(P)", {"activations": ["Sigmoid", "Affine", "Tanh"], **_IDENTITY}),
    "noaf": Operator("LSTM", "onnx.LSTM(P)", _NO_TANH),
    "no_output_tanh": Operator("LSTM", "onnx.LSTM", _NO_TANH, _affine),
    "cifg": Operator("LSTM", "onnx.LSTM(P)", {"input_forget": 1}, _with_forget_gate_and_peepholes),
    "coupled_input": Operator("LSTM", "onnx.LSTM", {"input_forget": 1}, _with_forget_gate),
    "gru": Operator("GRU", "onnx.GRU(linear_before_reset=1)", {"linear_before_reset": 1}),
    "gru_before": Operator("GRU", "onnx.GRU"),
    "gru_before_swapped": Operator("GRU", "onnx.GRU", change=_swapped),
}
"""The operator of each cell."""


def onnx_model(cell: str, layers: Any, lengths: bool = False) -> Any:
    """Exports a cell, or a stack of layers, to ONNX.

    Args:
        cell: Name of the cell.
        layers: The cell's parameters, or a sequence with parameters or `Both` for each layer.
        lengths: Whether the model has an input `lengths`.

    Returns:
        An `onnx.ModelProto`, in the floating dtype of the parameters.

    Raises:
        BadInput: ONNX cannot express the cell, or onnx is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise BadInput("ONNX export needs onnx: pip install onnx") from None
    from onnx import helper, numpy_helper

    if cell not in OPERATORS:
        raise BadInput(f"ONNX's operators cannot compute the cell {cell!r}; they can {', '.join(OPERATORS)}")
    stack = list(layers) if isinstance(layers, (list, tuple)) and not hasattr(layers, "_fields") else [layers]
    states = list(CELLS[cell].state._fields)
    kind = helper.np_dtype_to_tensor_dtype(np.asarray(jax.tree.leaves(stack)[0]).dtype)
    value = lambda name, shape: helper.make_tensor_value_info(name, kind, shape)  # noqa: E731
    inputs = [value("X", ("T", "B", _input_size(cell, stack[0])))]
    if lengths:
        inputs.append(helper.make_tensor_value_info("lengths", onnx.TensorProto.INT32, ("B",)))
    nodes, kept, finals, below = [], [], [], "X"
    for k, layer in enumerate(stack):
        operator, arrays, H = _operator(cell, layer)
        directions = 2 if isinstance(layer, Both) else 1
        kept += [numpy_helper.from_array(v, f"{name}_{k}") for name, v in arrays.items()]
        inputs += [value(f"{s}_{k}", (directions, "B", H)) for s in states]
        finals += [value(f"{s}_{k}_final", (directions, "B", H)) for s in states]
        read = [below, f"W_{k}", f"R_{k}", f"B_{k}", "lengths" if lengths else "", *(f"{s}_{k}" for s in states)]
        read += [f"P_{k}"] if "P" in arrays else []
        gives = [f"Y_{k}", *(f"{s}_{k}_final" for s in states)]
        nodes.append(helper.make_node(operator.kind, read, gives, hidden_size=H, **_attributes(operator, directions)))
        below = "Y" if k + 1 == len(stack) else f"X_{k + 1}"
        kept.append(numpy_helper.from_array(np.array([0, 0, -1], np.int64), f"shape_{k}"))
        nodes.append(helper.make_node("Transpose", [f"Y_{k}"], [f"Y_{k}_side"], perm=[0, 2, 1, 3]))  # (T, B, 2, H)
        nodes.append(helper.make_node("Reshape", [f"Y_{k}_side", f"shape_{k}"], [below]))
    outputs = [value("Y", ("T", "B", directions * H)), *finals]
    graph = helper.make_graph(nodes, cell, inputs, outputs, kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model


def _operator(cell: str, layer: Any) -> tuple[Operator, dict[str, np.ndarray], int]:
    """The operator, its arrays with the directions stacked, and H."""
    operator = OPERATORS[cell]
    layout = LAYOUTS[operator.layout]
    each = [
        theirs(layout, operator.change(jax.tree.map(np.asarray, p)))
        for p in (layer if isinstance(layer, Both) else (layer,))
    ]
    arrays = {name: np.concatenate([one[name] for one in each]) for name in each[0]}
    return operator, arrays, arrays["R"].shape[2]


def _attributes(operator: Operator, directions: int) -> dict[str, Any]:
    lists = {k: v * directions for k, v in operator.attributes.items() if isinstance(v, list)}
    single = {k: v for k, v in operator.attributes.items() if not isinstance(v, list)}
    return {**single, **lists, "direction": "bidirectional" if directions == 2 else "forward"}


def _input_size(cell: str, layer: Any) -> int:
    p = layer.onward if isinstance(layer, Both) else layer
    shapes = {k: tuple(v.shape) for k, v in named(p).items()}
    return solve_sizes((f"{cell}: parameter", CELLS[cell].params, shapes))["D"]
