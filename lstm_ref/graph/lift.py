"""Makes any user's function run on balls. JAX code runs through its jaxpr, and NumPy code unchanged, on object arrays.
NumPy code that fills float buffers (`np.zeros(shape)`), which hold no balls, runs through the jaxpr of its graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from lstm_ref.arithmetic import lift as on_objects
from lstm_ref.arithmetic.balls import count_tie
from lstm_ref.arithmetic.jaxpr import Program
from lstm_ref.errors import CannotEvaluate, TakesFloatsAlone, UnknownPrimitive
from lstm_ref.graph.trace import Graph, graph_at


def lift(function: Callable[..., Any], *example: Any) -> Callable[..., Any]:
    """The function on pytrees of `Balls`, at whatever precision is current when it is called.

    Args:
        function: JAX or NumPy code.
        example: Its float arguments. A graph is traced at these numbers and is valid only near them.

    Returns:
        The lifted function. Calling it raises CannotEvaluate, with the cause and its remedy, where `function` leaves
        ball arithmetic and cannot be traced to a graph either.
    """
    unchanged = on_objects.lift(function, *example)
    return unchanged if isinstance(unchanged, Program) else _Lifted(function, example, unchanged)


class _Lifted:
    """NumPy code, evaluated on object arrays as long as that succeeds, then through its graph."""

    def __init__(self, function: Callable[..., Any], example: Any, unchanged: Callable[..., Any]) -> None:
        self._function, self._example, self._unchanged = function, example, unchanged
        self._graph: tuple[Graph, Program] | None = None

    @property
    def jax_code(self) -> Callable[..., Any]:
        """Its graph as JAX code. Raises CannotEvaluate where the code runs unchanged: JAX, if it could trace it, would
        make another function of it."""
        if self._graph is None:
            raise CannotEvaluate("NumPy code is not JAX code")
        return self._graph[0].as_jax

    def __call__(self, *arguments: Any) -> Any:
        if self._graph is None:
            try:
                return self._unchanged(*arguments)
            except (TakesFloatsAlone, UnknownPrimitive) as left:
                self._graph = self._traced(left)
        graph, program = self._graph
        if graph.tied:
            count_tie()
        return program(*arguments)

    def _traced(self, left: CannotEvaluate) -> tuple[Graph, Program]:
        try:
            graph = graph_at(self._function, *self._example)
        except CannotEvaluate as error:
            raise CannotEvaluate(f"{_first_words(left)}, and has no graph: {error}") from left
        if graph.casts:
            raise CannotEvaluate(f"{_first_words(left)}, and not in float64: {graph.casts[0]}") from left
        return graph, Program(graph.jaxpr, jax.tree.structure((self._example, {})), graph.output_tree)


def _first_words(error: CannotEvaluate) -> str:
    return "the code takes floats alone" if isinstance(error, TakesFloatsAlone) else str(error)
