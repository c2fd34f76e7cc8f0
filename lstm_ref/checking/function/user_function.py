"""What the check knows of a function of the user's. Each question is asked once, when it first matters."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import jax
import numpy as np

from lstm_ref.arithmetic.traceable import Untraceable, why_untraceable
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.checking.function.bits import bits_inside, bits_of_program
from lstm_ref.checking.function.rerun import has_own_rules
from lstm_ref.checking.function.run import as_it_runs, is_jax
from lstm_ref.errors import CannotEvaluate
from lstm_ref.graph.trace import graph_at
from lstm_ref.leaves import paths


class UserFunction:
    """A forward or a backward pass at its arguments: which code it is, in which precision it computes, and how it is
    run.

    Args:
        function: The user's function, of pytrees of arrays.
        arguments: Its arguments here.

    Example:
        >>> code = UserFunction(lambda inputs: np.tanh(inputs["x"]).astype("f"), {"x": np.ones(3)})
        >>> code.is_traceable, code.is_torch, code.has_graph, code.bits
        (False, False, True, 24)
    """

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._function, self._arguments = function, arguments

    @cached_property
    def why_untraceable(self) -> Untraceable | None:
        """Why JAX cannot trace it; None if it can."""
        return why_untraceable(self._function, *self._arguments)

    @property
    def is_traceable(self) -> bool:
        """Whether JAX can trace it. It can also trace NumPy code that uses only operators."""
        return self.why_untraceable is None

    @cached_property
    def is_jax(self) -> bool:
        """Whether it runs as JAX code: JAX can trace it, and it does not run on NumPy's object arrays."""
        return is_jax(self._function, *self._arguments)

    @property
    def is_torch(self) -> bool:
        """Whether it is torch code, which its attribute `torch` calls with tensors."""
        return hasattr(self._function, "torch")

    @cached_property
    def has_graph(self) -> bool:
        """Whether it is NumPy or torch code that can be traced here."""
        try:
            graph_at(self._function, *self._arguments)
        except CannotEvaluate:
            return False
        return True

    @cached_property
    def has_own_rules(self) -> bool:
        """Whether it is JAX code that contains derivative rules of the user's, or a stop_gradient."""
        if not self.is_traceable:
            return False
        with x64():
            return has_own_rules(jax.make_jaxpr(self._function)(*self._arguments).jaxpr)

    @cached_property
    def bits_inside(self) -> int:
        """Significant bits (53, 24 or 11) of the least precise float in which its values are computed."""
        return bits_inside(self._function, *self._arguments)

    @cached_property
    def bits(self) -> int:
        """The same, also of floats that its program names but its values do not show."""
        return min(self.bits_inside, bits_of_program(self._function, *self._arguments))

    @cached_property
    def run(self) -> Callable[..., Any]:
        """The function as its author runs it: JAX code jitted with float64 switched on, NumPy code unchanged. Results
        are NumPy arrays."""
        return as_it_runs(self._function, self.is_jax)

    def outputs(self) -> dict[str, np.ndarray]:
        """Its outputs here, by path, from copies of the arguments."""
        return paths(self.run(*jax.tree.map(np.copy, self._arguments)))
