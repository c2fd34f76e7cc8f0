"""jax.experimental.rnn: its reference LSTM in plain JAX, which reads cuDNN's flat buffer; differentiated by JAX."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.experimental.rnn as rnn
import numpy as np

from lstm_ref.interop.conform.features import FeatureCase, by_jax, in_pairs
from lstm_ref.interop.cudnn import flat
from lstm_ref.interop.layout import Layout, theirs
from lstm_ref.shapes import Outputs

VERSION = f"jax {jax.__version__}"
DTYPES = ("float64", "float32")
WITHOUT = "the comparison uses its function lstm_ref, the pure JAX version of the cuDNN call"
LACKS: dict[str, str] = {}
TRAPS = (
    "inputs and outputs are (B, T, …)",
    "seq_lengths is required, and must be int32",
    "the buffer has the kernels of all layers first, then the biases of all",
)


def arranged(
    layout: Layout, given: FeatureCase, of: Callable[..., dict[str, Any]] = theirs, values: Any = None
) -> list[dict[str, Any]]:
    """All parameters as one buffer, or all gradients."""
    if of is theirs:
        of = partial(theirs, share=np.random.default_rng(0))
    return [{"weights": flat(in_pairs(given.feature, given.params if values is None else values), of)}]


def _lstm(given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any) -> Any:
    T, B, D = xs.shape
    H, layers, both = initial[0].h.shape[-1], given.feature.layers, given.feature.both
    lengths = np.full(B, T) if given.lengths is None else given.lengths
    h, c = (jax.numpy.stack([s[k] for s in initial]) for k in range(2))
    unpacked = rnn.unpack_lstm_weights(weights[0]["weights"], D, H, layers, both)
    hs, h, c = rnn.lstm_ref(
        *(xs.swapaxes(0, 1), h, c, *unpacked, jax.numpy.asarray(lengths, np.int32), D, H, layers, 0.0, both)
    )
    return Outputs(hs.swapaxes(0, 1), [type(s)(h[n], c[n]) for n, s in enumerate(initial)])


_LSTM = {"torch.nn.LSTM": _lstm}
RUNS = {
    "lstm": _LSTM,
    "lstm, lengths": _LSTM,
    "lstm, both directions": _LSTM,
    "lstm, two layers": _LSTM,
    "lstm, two layers, both directions, lengths": _LSTM,
}
answer = by_jax
