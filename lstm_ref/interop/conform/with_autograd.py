"""autograd (HIPS): the LSTM of its examples, which is a matrix a gate, of [x; h; 1]; differentiated by autograd."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import autograd.numpy as np
from autograd import make_vjp
from autograd.builtins import tuple as boxed

from lstm_ref.interop.conform.features import FeatureCase, differentiated_by, step_by_step
from lstm_ref.shapes import Outputs

VERSION = version("autograd")
DTYPES = ("float64", "float32")
WITHOUT = "it has no layers: this is the LSTM of its examples"
LACKS: dict[str, str] = {}
TRAPS = ()


def _sigmoid(a: Any) -> Any:
    return 0.5 * (np.tanh(a / 2) + 1)


def _lstm(given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any) -> Outputs:
    def step(x: Any, state: Any) -> Any:
        read = np.hstack((x, state.h, np.ones((len(x), 1), given.dtype)))
        a = {name: np.dot(read, w) for name, w in weights[0].items()}
        c = state.c * _sigmoid(a["forget"]) + _sigmoid(a["ingate"]) * np.tanh(a["change"])
        return _sigmoid(a["outgate"]) * np.tanh(c), c

    return step_by_step(step, initial[0], xs, np.stack)


def _vjp(function: Any, arrays: list[Any], bars: list[Any]) -> Any:
    pull, outputs = make_vjp(lambda *read: boxed(function(*read)), tuple(range(len(arrays))))(*arrays)
    return outputs, pull(boxed(bars))


RUNS = {"lstm": {"autograd.examples.lstm": _lstm}}
answer = differentiated_by(_vjp, lambda v: v)
