"""`jax.random` in float64, with the numbers that it draws in JAX's own mode.

A key gives other numbers in float64 than in float32: they are made of twice as many bits. A dropout mask that a forward
draws while it is checked must be the one that its author's backward has seen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache, wraps
from itertools import compress
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.arithmetic.tracing import is_tracing
from lstm_ref.places import namespaces

NARROW = {"float64": "float32", "int64": "int32", "uint64": "uint32", "complex128": "complex64"}
WIDE = {narrow: wide for wide, narrow in NARROW.items() if wide != "uint64"}
"""Of what is drawn: keys are uint32 in both modes."""
MIXES = jax.__version_info__ >= (0, 7, 2)
"""Whether one program may have parts of both modes; an older JAX fails to compile some."""


def mode(enabled: bool) -> AbstractContextManager[Any]:
    """JAX's own switch."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(enabled)
    from jax.experimental import enable_x64  # type: ignore[attr-defined]  # jax < 0.8

    return enable_x64(enabled)


@contextmanager
def as_in_float32() -> Iterator[None]:
    """Inside, the functions of `jax.random` draw the same numbers in float64 as in JAX's default mode, by the names of
    that module and by those that the user's modules have imported (`from jax.random import normal`)."""
    global _inside, _undo
    with _lock:
        _inside += 1
        if _inside == 1:
            _undo = _replaced()
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                for names, name, f in _undo:
                    names[name] = f


_lock, _inside = threading.Lock(), 0
_undo: list[tuple[dict[str, Any], str, Any]] = []


def _replaced() -> list[tuple[dict[str, Any], str, Any]]:
    """Put our functions in the place of JAX's: in which namespace, under which name, what was there."""
    ours = {id(f): _ours()[name] for name, f in _jaxs().items()}
    found = []
    for names in (vars(jax.random), *namespaces()):
        for name, f in [*compress(names.items(), map(ours.__contains__, map(id, names.values())))]:
            found.append((names, name, f))
            names[name] = ours[id(f)]
    return found


@cache
def _jaxs() -> dict[str, Any]:
    public = {name: f for name, f in vars(jax.random).items() if not name.startswith("_")}
    return {name: f for name, f in public.items() if callable(f) and not isinstance(f, type)}


@cache
def _ours() -> dict[str, Any]:
    return {name: _drawn(f) for name, f in _jaxs().items()}


def _drawn(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def draw(*arguments: Any, **options: Any) -> Any:
        asked = {str(_dtype(x)) for x in (*arguments, *options.values()) if _dtype(x) is not None}
        # A module that was imported inside keeps our function; the mode is off in another thread; and who asks for
        # float64 means it.
        if not _inside or not jax.config.jax_enable_x64 or asked & NARROW.keys():  # type: ignore[attr-defined]
            return original(*arguments, **options)
        if not MIXES and is_tracing():
            return original(*arguments, **options)
        arguments, options = jax.tree.map(_narrow, (arguments, options))
        with mode(False):
            found = original(*arguments, **options)
        return found if asked else jax.tree.map(_widened, found)

    return draw


def _narrow(x: Any) -> Any:
    to = NARROW.get(str(getattr(x, "dtype", ""))) if isinstance(x, (jax.Array, np.ndarray, np.generic)) else None
    return x if to is None else jnp.asarray(x).astype(to)


def _widened(x: Any) -> Any:
    to = WIDE.get(str(getattr(x, "dtype", "")))
    return x if to is None else x.astype(to)


def _dtype(x: Any) -> Any:
    """The dtype that an argument names; None for what names none, and for Python's own `float`, the default."""
    if not (isinstance(x, (np.dtype, str)) or (callable(x) and hasattr(x, "dtype"))):
        return None
    try:
        return jnp.dtype(x)
    except TypeError:  # another name, such as that of a kind of keys
        return None
