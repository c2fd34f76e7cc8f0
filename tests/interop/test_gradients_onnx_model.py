"""An exported model gives our numbers in onnxruntime: every cell that ONNX can express, lengths, layers, directions."""

import jax
import numpy as np
import pytest

from lstm_ref import sequence
from lstm_ref.cells import CELLS
from lstm_ref.cells.cell import arrays
from lstm_ref.errors import BadInput
from lstm_ref.interop.onnx_model import OPERATORS, onnx_model
from lstm_ref.through_time import bidirectional
from lstm_ref.through_time.bidirectional import Both

pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

T, B, D, H = 6, 2, 3, 4
LENGTHS = np.array([T, 3], np.int32)
ROUNDINGS = 500
"""A few hundred operations of float32, each right to one unit in the last place of the largest number there is."""


def drawn(cell, D=D, seed=0):
    """Parameters and an initial state whose float32 and float64 are the same."""
    rng = np.random.default_rng(seed)
    draw = lambda shape: rng.integers(-512, 512, shape) / 1024  # noqa: E731
    return arrays(cell.parameter_shapes(D, H), draw), arrays(cell.state_shapes(B, H), draw)


def run(model, xs, states, lengths=None):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    given = {"X": xs} | states | ({} if lengths is None else {"lengths": lengths})
    given = {k: v if v.dtype == np.int32 else v.astype(np.float32) for k, v in given.items()}
    return dict(zip([out.name for out in session.get_outputs()], session.run(None, given), strict=True))


def assert_same(mine, theirs):
    assert mine.shape == theirs.shape
    limit = ROUNDINGS * np.finfo(np.float32).eps / 2 * max(np.max(np.abs(mine)), 1.0)
    assert np.max(np.abs(mine - theirs)) <= limit


def single(params):
    return jax.tree.map(np.float32, params)


XS = np.random.default_rng(9).integers(-1024, 1024, (T, B, D)) / 512


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@pytest.mark.parametrize("name", OPERATORS)
def test_every_cell_that_onnx_can_express(name, lengths):
    cell = CELLS[name]
    params, initial = drawn(cell)
    outputs, _ = sequence.loop(cell, params, initial, XS, lengths)
    states = {f"{k}_0": v[None] for k, v in initial._asdict().items()}
    found = run(onnx_model(name, single(params), lengths is not None), XS, states, lengths)
    assert_same(outputs.hs, found["Y"])
    for k, v in outputs.final._asdict().items():
        assert_same(v[None], found[f"{k}_0_final"])


def test_two_layers_in_both_directions_with_lengths():
    cell = CELLS["lstm"]
    cells, made = Both(cell, cell), [drawn(cell, size, seed) for seed, size in enumerate((D, D, 2 * H, 2 * H))]
    params = [Both(made[n][0], made[n + 1][0]) for n in (0, 2)]
    initial = [Both(made[n][1], made[n + 1][1]) for n in (0, 2)]
    below, _ = bidirectional.forward(cells, params[0], initial[0], XS, LENGTHS)
    above, _ = bidirectional.forward(cells, params[1], initial[1], below.hs, LENGTHS)
    states = {f"{k}_{n}": np.stack([getattr(s, k) for s in initial[n]]) for n in (0, 1) for k in "hc"}
    found = run(onnx_model("lstm", [single(p) for p in params], lengths=True), XS, states, LENGTHS)
    assert_same(above.hs, found["Y"])
    for n, layer in enumerate((below, above)):
        for k in "hc":
            assert_same(np.stack([getattr(s, k) for s in layer.final]), found[f"{k}_{n}_final"])


def test_a_wrong_export_would_be_seen(monkeypatch):
    params, initial = drawn(CELLS["gru_before_swapped"])
    monkeypatch.setitem(OPERATORS, "gru_before_swapped", OPERATORS["gru_before"])  # z not turned round
    outputs, _ = sequence.loop(CELLS["gru_before_swapped"], params, initial, XS)
    found = run(onnx_model("gru_before_swapped", single(params)), XS, {"h_0": initial.h[None]})
    with pytest.raises(AssertionError):
        assert_same(outputs.hs, found["Y"])


def test_what_onnx_cannot_express_is_said():
    with pytest.raises(BadInput, match="cannot compute the cell 'mlstm'; they can rnn_tanh, rnn_relu, lstm"):
        onnx_model("mlstm", None)
