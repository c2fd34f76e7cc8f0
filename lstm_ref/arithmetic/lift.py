"""Makes any user's function run on balls: JAX code through its jaxpr, NumPy code unchanged, on object arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import jax

from lstm_ref.arithmetic.balls import as_balls
from lstm_ref.arithmetic.jaxpr import Program, trace
from lstm_ref.arithmetic.memory import Memory, kinds_of, remembered
from lstm_ref.errors import LstmRefError, TakesFloatsAlone, text_of


def lift(function: Callable[..., Any], *example: Any) -> Callable[..., Any]:
    """The function on pytrees of `Balls`, at whatever precision is current when it is called.

    Args:
        function: JAX or NumPy code.
        example: Float arguments; JAX code is traced for their shapes.

    Returns:
        The lifted function. Calling it raises CannotEvaluate where `function` leaves ball arithmetic.
    """
    program: list[Program] = []

    def is_numpy_code() -> bool:
        try:
            program.append(trace(function, *example))
        except LstmRefError:
            raise
        except (Exception, SystemExit):  # JAX cannot trace it
            return True
        return False

    if remembered(_numpy_code, function, kinds_of(example), is_numpy_code):
        return _guarded(function)
    return program[0] if program else trace(function, *example)


_numpy_code: Memory = WeakKeyDictionary()


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    def evaluate(*arguments: Any) -> Any:
        try:
            return jax.tree.map(as_balls, function(*arguments))
        except LstmRefError:
            raise
        except Exception as error:  # of any class: scipy.signal raises NotImplementedError
            raise TakesFloatsAlone(f"the code takes floats alone ({text_of(error)})") from error

    return evaluate
