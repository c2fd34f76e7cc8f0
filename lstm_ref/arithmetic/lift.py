"""Makes any user's function run on balls: JAX code through its jaxpr, NumPy code unchanged, on object arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from lstm_ref.arithmetic.balls import as_balls, is_balls
from lstm_ref.arithmetic.jaxpr import trace
from lstm_ref.arithmetic.movement import is_float
from lstm_ref.arithmetic.traceable import is_traceable, why_untraceable
from lstm_ref.errors import LstmRefError, TakesFloatsAlone, text_of


def lift(function: Callable[..., Any], *example: Any) -> Callable[..., Any]:
    """The function on pytrees of `Balls`, at whatever precision is current when it is called.

    Args:
        function: JAX or NumPy code.
        example: Float arguments; JAX code is traced for their shapes.

    Returns:
        The lifted function. Calling it raises CannotEvaluate where `function` leaves ball arithmetic.
    """
    why = why_untraceable(function, *_in(np.float64, example))
    if why is None or (why.is_type_error and is_traceable(function, *_in(np.float32, example))):
        return trace(function, *example)
    return _guarded(function)


def _in(dtype: Any, example: Any) -> Any:
    """The arguments, floats in this dtype."""
    return jax.tree.map(
        lambda v: jax.ShapeDtypeStruct(np.shape(v), dtype) if is_balls(v) or is_float(v) else v, example
    )


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    def evaluate(*arguments: Any) -> Any:
        try:
            return jax.tree.map(as_balls, function(*arguments))
        except LstmRefError:
            raise
        except Exception as error:  # of any class: scipy.signal raises NotImplementedError
            raise TakesFloatsAlone(f"the code takes floats alone ({text_of(error)})") from error

    return evaluate
