"""A graph without its buffers: reading what was written gives the written value itself.

`self.c[t + 1] = ...` and, a step later, `self.c[t]`: in the graph a whole array goes from step to step, of which
each step writes a row. Nobody differentiates that by hand; here the reader has the value that was written.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from lstm_ref.graph.flatten import Equation, Kind
from lstm_ref.graph.rules import OUTPUT

MOVES = frozenset(("reshape", "squeeze", "expand_dims", "broadcast_in_dim", "copy", "copy_p", "convert_element_type"))
"""Primitives that keep all elements in order, if the size stays the same."""


def is_move(equation: Equation) -> bool:
    """Whether the equation changes at most the shape of its operand."""
    return equation.primitive in MOVES and np.prod(equation.kind.shapes[0]) == np.prod(equation.kind.result_shapes[0])


def forwarded(graph: Any) -> Any:
    """The same function of the same variables, with fewer equations."""
    made_by: dict[int, Equation] = {}
    same: dict[int, int] = {}
    equations: list[Equation] = []
    shape = lambda v: np.shape(graph.values[v])  # noqa: E731

    def read(v: int, window: Any) -> int | None:
        """The variable that was written at exactly this window."""
        while (e := made_by.get(v)) is not None and e.primitive == "dynamic_update_slice":
            written = _window(graph, e)
            if written == window:
                return e.operands[1]
            if not any(b[1] <= a[0] or a[1] <= b[0] for a, b in zip(written, window, strict=True)):
                return None
            v = e.operands[0]
        return None

    for e in graph.equations:
        e = Equation(e.kind, tuple(same.get(v, v) for v in e.operands), e.results)
        if e.primitive == "slice" and not any(s != 1 for s in e.params["strides"] or ()):
            window = tuple(zip(e.params["start_indices"], e.params["limit_indices"], strict=True))
            if (found := read(e.operands[0], window)) is not None:
                same[e.results[0]] = found
                continue
            if (found := _piece(graph, made_by.get(e.operands[0]), window)) is not None:
                same[e.results[0]] = found
                continue
        if is_move(e):
            origin, inner = e.operands[0], made_by.get(e.operands[0])
            while inner is not None and is_move(inner):
                origin = inner.operands[0]
                inner = made_by.get(origin)
            if shape(origin) == shape(e.results[0]):
                same[e.results[0]] = origin
                continue
        made_by.update(dict.fromkeys(e.results, e))
        equations.append(e)
    outputs = [same.get(v, v) for v in graph.outputs]
    return replace(graph, equations=_needed(equations, outputs), outputs=outputs, memory={})


def with_cotangents(graph: Any) -> Any:
    """The same function, except that an equation of its own returns each output that the forward also reads. The
    contribution of that equation is the output's cotangent, which a backward pass may forget to add."""
    read = {v for e in graph.equations for v in e.operands}
    made_by = {r: e for e in graph.equations for r in e.results}
    values, is_active, equations, outputs = list(graph.values), list(graph.is_active), [], []
    for v in graph.outputs:
        if v in read and v in made_by and graph.is_active[v]:
            shape = np.shape(values[v])
            source = made_by[v].kind.source
            kind = Kind(OUTPUT, {}, source, None, (shape,), (shape,), (True,), lambda x: x, False)
            equations.append(Equation(kind, (v,), (len(values),)))
            outputs.append(len(values))
            values.append(values[v])
            is_active.append(True)
        else:
            outputs.append(v)
    made = [*graph.equations, *equations]
    return replace(graph, equations=made, values=values, is_active=is_active, outputs=outputs, memory={})


def _piece(graph: Any, joined: Equation | None, window: Any) -> int | None:
    """The variable that was joined with others, where exactly that is read."""
    if joined is None or joined.primitive != "concatenate":
        return None
    axis, start = joined.params["dimension"], 0
    for v in joined.operands:
        shape = np.shape(graph.values[v])
        if window == tuple((start, start + n) if a == axis else (0, n) for a, n in enumerate(shape)):
            return v
        start += shape[axis]
    return None


def _window(graph: Any, e: Equation) -> tuple[tuple[int, int], ...]:
    sizes, shape = np.shape(graph.values[e.operands[1]]), np.shape(graph.values[e.operands[0]])
    starts = [int(graph.values[i]) for i in e.operands[2:]]
    starts = [min(max(s, 0), n - size) for s, size, n in zip(starts, sizes, shape, strict=True)]
    return tuple((s, s + size) for s, size in zip(starts, sizes, strict=True))


def _needed(equations: list[Equation], outputs: list[int]) -> list[Equation]:
    live, kept = set(outputs), []
    for e in reversed(equations):
        if not live.isdisjoint(e.results):
            live.update(e.operands)
            kept.append(e)
    return kept[::-1]
