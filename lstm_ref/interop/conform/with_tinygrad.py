"""tinygrad: its LSTM cell, differentiated by its `Tensor.gradient`."""

from __future__ import annotations

import os
from importlib.metadata import version
from shutil import which
from typing import Any

os.environ.setdefault("DEV", "CPU" if which("clang") else "PYTHON")

from tinygrad import Tensor, nn

from lstm_ref.interop.conform.features import FeatureCase, differentiated_by, step_by_step
from lstm_ref.shapes import Outputs

VERSION = version("tinygrad")
DTYPES = ("float64", "float32")
WITHOUT = "it has an LSTMCell; the loop through time is left to the user"
LACKS: dict[str, str] = {}
TRAPS = ("its device CPU needs clang; without, DEV=PYTHON interprets every operation, which takes a minute",)


def _cell(given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any) -> Outputs:
    cell = nn.LSTMCell(xs.shape[-1], initial[0].h.shape[-1])
    for name, v in weights[0].items():
        setattr(cell, name, v)
    rows = [xs[t] for t in range(xs.shape[0])]
    return step_by_step(cell, initial[0], rows, lambda hs: hs[0].stack(*hs[1:]))


def _vjp(function: Any, arrays: list[Any], bars: list[Any]) -> Any:
    outputs = function(*arrays)
    loss = Tensor.stack(*((out * bar).sum() for out, bar in zip(outputs, bars, strict=True))).sum()
    return outputs, loss.gradient(*arrays)


RUNS = {"lstm": {"tinygrad.nn.LSTMCell": _cell}}
answer = differentiated_by(_vjp, Tensor, lambda v: v.numpy())
