"""Equinox: its cells in JAX's scan, differentiated by JAX."""

from __future__ import annotations

from functools import partial
from typing import Any

import equinox
import jax

from lstm_ref.interop.conform.features import FeatureCase, by_jax
from lstm_ref.shapes import Outputs

VERSION = equinox.__version__
DTYPES = ("float64", "float32")
WITHOUT = ""
_CELLS = "it has only cells: the loop through time, and everything built on it, is left to the user"
LACKS = {"gru, reset before": "its GRUCell resets after the product"} | dict.fromkeys(
    (
        *("lstm, lengths", "gru, lengths", "lstm, both directions", "lstm, two layers", "gru, two layers"),
        "lstm, two layers, both directions, lengths",
    ),
    _CELLS,
)
TRAPS = ("a cell computes one row: apply jax.vmap over the batch", "set parameters with equinox.tree_at")


def _cell(kind: Any, given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any) -> Any:
    made = kind(xs.shape[-1], initial[0].h.shape[-1], key=jax.random.key(0))
    cell = equinox.tree_at(lambda m: [getattr(m, k) for k in weights[0]], made, list(weights[0].values()))

    def step(state: Any, x: Any) -> Any:
        new = jax.vmap(cell)(x, tuple(state) if len(state) > 1 else state.h)
        new = type(state)(*(new if isinstance(new, tuple) else (new,)))
        return new, new.h

    final, hs = jax.lax.scan(step, initial[0], xs)
    return Outputs(hs, [final])


RUNS = {
    "lstm": {"equinox.nn.LSTMCell": partial(_cell, equinox.nn.LSTMCell)},
    "gru, reset after": {"equinox.nn.GRUCell": partial(_cell, equinox.nn.GRUCell)},
}
answer = by_jax
