"""PyTensor, the successor of Theano: the LSTM of Theano's tutorial in its `scan`; differentiated by PyTensor."""

from __future__ import annotations

from typing import Any

import pytensor
import pytensor.tensor as pt

from lstm_ref.interop.conform.features import FeatureCase, differentiated_by
from lstm_ref.shapes import Outputs

VERSION = pytensor.__version__
DTYPES = ("float64", "float32")
WITHOUT = "it has no layers: this is the LSTM of Theano's tutorial, without its peephole"
LACKS: dict[str, str] = {}
TRAPS = ("a cost of float32 arrays stays float32 only if every constant in it is",)
MODE = pytensor.compile.mode.Mode(linker="py", optimizer="fast_compile")


def _lstm(given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any) -> Outputs:
    (p,), (start,) = weights, initial
    H = given.initial[0].h.shape[-1]

    def step(x: Any, h: Any, c: Any, W: Any, U: Any, b: Any) -> Any:
        a = x @ W + h @ U + b
        i, f, o = (pt.sigmoid(a[:, k * H : (k + 1) * H]) for k in range(3))
        c = f * c + i * pt.tanh(a[:, 3 * H :])
        return o * pt.tanh(c), c

    read = [p[name] for name in ("W", "U", "b")]
    hs, cs = pytensor.scan(step, [xs], list(start), read, return_updates=False)
    return Outputs(hs, [type(start)(hs[-1], cs[-1])])


def _vjp(function: Any, arrays: list[Any], bars: list[Any]) -> Any:
    symbols = [pt.tensor(dtype=v.dtype, shape=v.shape) for v in arrays]
    outputs = function(*symbols)
    cost = sum((out * pt.constant(bar)).sum() for out, bar in zip(outputs, bars, strict=True))
    bars = pytensor.grad(cost, symbols, disconnected_inputs="ignore")
    found = pytensor.function(symbols, [*outputs, *bars], mode=MODE, on_unused_input="ignore")(*arrays)
    return found[: len(outputs)], found[len(outputs) :]


RUNS = {"lstm": {"theano.tutorial.lstm": _lstm}}
answer = differentiated_by(_vjp, lambda v: v)
