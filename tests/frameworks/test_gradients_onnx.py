"""ONNX's operators as onnxruntime computes them: in reverse, and their limits."""

from functools import partial

import jax
import numpy as np
import pytest
from same import LSTM_LENGTHS, assert_same

from lstm_ref import sequence
from lstm_ref.interop.conform.features import FEATURES, arranged, problem
from lstm_ref.interop.conform.table import compared
from lstm_ref.interop.layouts import LAYOUTS

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
from lstm_ref.interop.conform import with_onnxruntime as module

LAYOUT = LAYOUTS["onnx.LSTM"]


def test_in_reverse():
    given = problem(LSTM_LENGTHS, LAYOUT, np.float32, seed=0)
    forward = partial(module.RUNS["lstm, lengths"][LAYOUT.name], direction="reverse")
    found = module.answer(forward, given, arranged(LAYOUT, given)).outputs
    read = jax.tree.map(np.float64, (given.params[0], given.initial[0], given.xs))
    expected, _ = sequence.loop(given.cell, *read, given.lengths, True)
    assert_same((expected.hs, expected.final), (found.hs, found.final), module.VERSION, np.float32)


@pytest.mark.parametrize("feature", ["lstm", "gru, reset after"])
def test_there_is_no_float64(feature):
    (layout,) = module.RUNS[feature]
    assert "does not support double" in compared(module, FEATURES[feature], layout, "float64").failed
