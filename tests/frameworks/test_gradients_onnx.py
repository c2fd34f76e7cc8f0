"""Our forwards are those of the ONNX operators as onnxruntime computes them; it has no gradients. In float32."""

import numpy as np
import pytest
from helpers import an_ordinary_problem, by_hand
from same import LENGTHS, SIZES, assert_same

from lstm_ref import sequence
from lstm_ref.cells import CELLS

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

VERSION = f"onnxruntime {onnxruntime.__version__}"
T, B, D, H = SIZES
IOFG, ZRN = (0, 3, 1, 2), (1, 0, 2)
"""ONNX's order of our gates."""


def kernel(w, order):
    """Ours (D, nH) as ONNX's (1, nH, D), or a bias (nH,) as (1, nH)."""
    blocks = np.split(w, len(order), axis=-1)
    return np.concatenate([blocks[k] for k in order], axis=-1).T[None]


def run(kind, inputs, states, **attributes):
    """Outputs (T, B, H) and final states."""
    names = [name if v is not None else "" for name, v in inputs]
    tensors = {name: v for name, v in inputs if v is not None}
    info = [
        onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for name, v in tensors.items()
    ]
    outs = ["Y", "Y_h", "Y_c"][: 1 + states]
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outs]
    node = onnx.helper.make_node(kind, names, outs, hidden_size=H, **attributes)
    graph = onnx.helper.make_graph([node], kind, info, values)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    hs, *final = session.run(None, tensors)
    return hs[:, 0], [s[0] for s in final]


def biases(p, order):
    b_h = p.b_h if hasattr(p, "b_h") else 0 * p.b
    return np.concatenate((kernel(p.b, order), kernel(b_h, order)), axis=1)


CASES = {
    "lstm": ("LSTM", IOFG, {}),
    "peephole": ("LSTM", IOFG, {}),
    "gru": ("GRU", ZRN, {"linear_before_reset": 1}),
    "gru_before": ("GRU", ZRN, {"linear_before_reset": 0}),
    "rnn_tanh": ("RNN", (0,), {"activations": ["Tanh"]}),
    "rnn_relu": ("RNN", (0,), {"activations": ["Relu"]}),
}


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@pytest.mark.parametrize("name", CASES)
def test_operators(name, lengths):
    kind, order, attributes = CASES[name]
    problem = an_ordinary_problem(CELLS[name], SIZES, lengths=lengths)
    p, initial, xs = problem.arguments
    single = lambda v: None if v is None else v.astype(np.float32)  # noqa: E731
    peepholes = np.concatenate((p.p_i, p.p_o, p.p_f))[None] if name == "peephole" else None
    inputs = {
        "X": single(xs),
        "W": single(kernel(p.w_x, order)),
        "R": single(kernel(p.w_h, order)),
        "B": single(biases(p, order)),
        "lens": None if lengths is None else np.array(lengths, np.int32),
        "h0": single(initial.h[None]),
    }
    if kind == "LSTM":
        inputs |= {"c0": single(initial.c[None]), "P": single(peepholes)}
    outputs = run(kind, list(inputs.items()), len(initial), **attributes)
    expected, _ = by_hand(problem)
    assert_same((expected.hs, list(expected.final)), outputs, VERSION, np.float32)


def test_in_reverse():
    problem = an_ordinary_problem(CELLS["lstm"], SIZES, lengths=LENGTHS, reverse=True)
    p, initial, xs = problem.arguments
    inputs = {"X": xs, "W": kernel(p.w_x, IOFG), "R": kernel(p.w_h, IOFG), "B": biases(p, IOFG)}
    inputs = {k: v.astype(np.float32) for k, v in inputs.items()} | {"lens": np.array(LENGTHS, np.int32)}
    inputs |= {"h0": initial.h[None].astype(np.float32), "c0": initial.c[None].astype(np.float32)}
    hs, final = run("LSTM", list(inputs.items()), 2, direction="reverse")
    expected = sequence.loop(CELLS["lstm"], p, initial, xs, problem.lengths, True)[0]
    assert_same((expected.hs, list(expected.final)), (hs, final), VERSION, np.float32)
