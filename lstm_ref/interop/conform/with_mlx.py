"""MLX: its layers on the CPU, differentiated by its vjp."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import Any

import mlx.core as mx
from mlx import nn

from lstm_ref.interop.conform.features import FeatureCase, differentiated_by
from lstm_ref.shapes import Outputs

mx.set_default_device(mx.cpu)

VERSION = version("mlx")
DTYPES = ("float32",)
WITHOUT = "no float64: on the CPU its sigmoid and exp compute float64 in single precision, though its tanh does not"
LACKS = {"gru, reset before": "its GRU resets after the product"} | dict.fromkeys(
    (
        *("lstm, lengths", "gru, lengths", "lstm, both directions", "lstm, two layers", "gru, two layers"),
        "lstm, two layers, both directions, lengths",
    ),
    "a layer takes no lengths, and is one layer in one direction",
)
TRAPS = ("inputs and outputs are (B, T, …)", "LSTM gives all states c, not the last one")


def _layer(
    kind: Any, given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any, **more: Any
) -> Outputs:
    layer = kind(xs.shape[-1], initial[0].h.shape[-1], **more)
    layer.update(weights[0])
    found = layer(xs.swapaxes(0, 1), *initial[0])
    states = [v.swapaxes(0, 1) for v in (found if isinstance(found, tuple) else (found,))]
    return Outputs(states[0], [type(initial[0])(*(v[-1] for v in states))])


RUNS = {
    "rnn, tanh": {"mlx.nn.RNN": partial(_layer, nn.RNN)},
    "rnn, relu": {"mlx.nn.RNN(relu)": partial(_layer, nn.RNN, nonlinearity=nn.relu)},
    "lstm": {"mlx.nn.LSTM": partial(_layer, nn.LSTM)},
    "gru, reset after": {"mlx.nn.GRU": partial(_layer, nn.GRU)},
}
answer = differentiated_by(mx.vjp, lambda v: mx.array(v, dtype=getattr(mx, v.dtype.name)))
