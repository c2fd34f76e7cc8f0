"""What was found of a function once, while it lives."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import jax
import numpy as np

Memory: TypeAlias = WeakKeyDictionary[Any, dict[Any, Any]]
"""By function, while it lives, what was found of it, by key: plain data, which keeps nothing of the user's alive."""


def kinds_of(arguments: Any) -> Hashable:
    """What a trace depends on: the structure of the arguments, shapes and dtypes of arrays, types of other leaves."""
    leaves, tree = jax.tree.flatten(arguments)
    return tree, *((v.shape, v.dtype) if isinstance(v, (np.ndarray, jax.Array)) else type(v) for v in leaves)


def remembered(memory: Memory, function: Any, key: Hashable, find: Callable[[], Any]) -> Any:
    """What `find` gives, found once for a function and a key; each time where one of them cannot be remembered."""
    try:
        known = memory.setdefault(function, {})
        if key in known:
            return known[key]
    except Exception:  # a callable object of the user's, with a hash or an equality of its own
        return find()
    known[key] = found = find()
    return found
