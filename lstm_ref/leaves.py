"""The leaves of nested structures by path, as errors and reports name them, and the functions of such structures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

Function = Callable[[Any], Any]
"""A pytree of arrays -> a pytree of arrays (a scalar loss is one array)."""
NamedArrays = Mapping[str, np.ndarray]
"""Arrays by path, as gradients are compared."""


def paths(tree: Any) -> dict[str, Any]:
    """The leaves of a nested structure by path (`kernel`, `params.w_x`, `layers.0.b`). Dicts keep their order."""
    return {path: leaf for path, _, leaf in places(tree)}


def places(tree: Any) -> list[tuple[str, str, Any]]:
    """Path, place ("['a'][0]") and leaf of each leaf. Two leaves may share a path, but never a place."""
    if isinstance(tree, (np.ndarray, float)):
        return [("", "", tree)]
    if isinstance(tree, dict):
        return [
            (f"{key}.{path}" if path else str(key), f"[{key!r}]{place}", leaf)
            for key in tree
            for path, place, leaf in places(tree[key])
        ]
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    keys = jax.tree_util.keystr
    return [(keys(path, simple=True, separator="."), keys(path), leaf) for path, leaf in flat]
