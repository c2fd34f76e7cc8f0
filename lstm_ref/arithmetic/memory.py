"""Results about a function, remembered as long as the function lives."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import jax
import numpy as np

Memory: TypeAlias = WeakKeyDictionary[Any, dict[Any, Any]]
"""For each living function, results by key. Results are plain data, which keep none of the user's objects alive."""


ARRAYS = (np.ndarray, jax.Array, jax.ShapeDtypeStruct)


def kinds_of(arguments: Any) -> Hashable:
    """A key of everything that a trace depends on: structure, shapes and dtypes of arrays, types of other leaves."""
    leaves, tree = jax.tree.flatten(arguments)
    return tree, *((v.shape, str(v.dtype)) if isinstance(v, ARRAYS) else type(v) for v in leaves)


def remembered(memory: Memory, function: Any, key: Hashable, find: Callable[[], Any]) -> Any:
    """The result of `find`, computed once per function and key, or at each call if one of them cannot be remembered."""
    try:
        known = memory.setdefault(function, {})
        if key in known:
            return known[key]
    except Exception:  # the user's callable may define its own hash and equality
        return find()
    known[key] = found = find()
    return found
