"""Whether JAX can trace a function: asked once of a function and arguments of some shapes, then remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.arithmetic.memory import Memory, kinds_of, remembered
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import is_readable


class Untraceable(NamedTuple):
    """The reason why JAX cannot trace a function, without the exception, which would keep the user's objects alive."""

    is_type_error: bool
    text: str


def is_traceable(function: Callable[..., Any], *arguments: Any) -> bool:
    """Whether JAX can trace the function at arguments of these dtypes. It can also trace code that uses only
    operators."""
    return why_untraceable(function, *arguments) is None


def why_untraceable(function: Callable[..., Any], *arguments: Any) -> Untraceable | None:
    """The reason why JAX cannot trace the function; None if it can. Remembered for a function and shapes."""
    return remembered(_traced, function, kinds_of(arguments), lambda: _why_untraceable(function, arguments))


def _why_untraceable(function: Callable[..., Any], arguments: Any) -> Untraceable | None:
    try:
        with x64():
            jax.jit(function).eval_shape(*jax.tree.map(_abstract, arguments))  # JAX remembers this trace
    except (Exception, SystemExit) as error:
        return Untraceable(isinstance(error, TypeError), str(error) if is_readable(error) else "")
    return None


_traced: Memory = WeakKeyDictionary()


def _abstract(v: Any) -> Any:
    return jax.ShapeDtypeStruct(np.shape(v), jnp.result_type(v)) if isinstance(v, (np.ndarray, jax.Array)) else v
