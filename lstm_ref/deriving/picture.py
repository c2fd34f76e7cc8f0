"""The picture of one step: every value with its readers, what flows forward along an edge, and what comes back."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.arithmetic.x64 import x64
from lstm_ref.deriving import expressions as ex
from lstm_ref.deriving.adjoints import Backward
from lstm_ref.deriving.as_latex import name as in_latex
from lstm_ref.deriving.as_numpy import HELPERS, numpy
from lstm_ref.deriving.expressions import Call, Expression
from lstm_ref.deriving.folding import FoldedForward
from lstm_ref.reporting.graph import _NUMBERS, Diagram, Edge, Vertex, graph_of

SIZED = ("index", "put", "slice", "place", "spread", "reshape", "roll", "head", "tail")
"""Functions that are written with sizes: their arrays cannot have one element each."""


def picture_of(f: FoldedForward, b: Backward) -> Diagram:
    """The graph of one step; of a forward without a loop, of all of it.

    With one element in each array, every edge carries that element and its adjoint, as in this package's own pictures.
    Where the code needs its sizes, an edge carries the norms of its arrays.
    """
    equations = f.step or [*f.before, *f.after]
    own = {e.name for e in equations}
    held = set(f.fixed) | {r.name for r in f.reads if r.array in f.fixed}
    read = dict.fromkeys(n for e in equations for n in ex.count(e.expression) if n not in own | held)
    from_outside = [*b.states, *b.sums, *b.from_outputs, *(n for n in b.last if n not in b.sums)]
    if not f.step:
        from_outside = [o.name for o in f.outputs]  # type: ignore[attr-defined]
    from_outside = [n for n in dict.fromkeys(from_outside) if n in own]
    parameters = tuple(n for n in read if n in f.inputs)
    numbers = itertools.cycle(_NUMBERS)
    if not any(_sized(e.expression) for e in equations):
        fixed = {n: np.full((1,) * len(f.shapes[n]), next(numbers)) for n in sorted(held)}
        values = {n: np.full((1,) * len(f.shapes[n]), next(numbers)) for n in read}
        bars = {n: np.full((1,) * len(f.shapes[n]), next(numbers)) for n in from_outside}

        def step(given: Any) -> dict[str, Any]:
            scope = _scope({**fixed, **given})
            for e in equations:
                scope[e.name] = _value(e.expression, scope)
            return {e.name: scope[e.name] for e in equations}

        graph = graph_of(f"{f.title}: one step, one element in each array", step, values, bars, parameters)
        return graph._replace(vertices=tuple(v._replace(label=_label(v)) for v in graph.vertices))
    return _with_norms(f, equations, list(read), sorted(held), from_outside, parameters)


def _sized(e: Expression) -> bool:
    return (isinstance(e, Call) and e.function in SIZED) or any(map(_sized, ex.children(e)))


def _label(v: Vertex) -> str:
    return in_latex(v.name) if v.label else ""


def _scope(given: Any) -> dict[str, Any]:
    scope: dict[str, Any] = {"np": jnp}
    for helper in HELPERS.values():
        exec(helper, scope)
    return scope | dict(given)


def _value(e: Expression, scope: dict[str, Any]) -> Any:
    return eval(numpy(e), scope)


def _with_norms(f: FoldedForward, equations: Any, read: Any, held: Any, outside: Any, parameters: Any) -> Diagram:
    rng = np.random.default_rng(0)
    with x64():
        given = {n: jnp.asarray(0.2 + 0.6 * rng.random(f.shapes[n])) for n in (*read, *held)}
        scope = _scope(given)
        for e in equations:
            scope[e.name] = _value(e.expression, scope)
        bars = {n: jnp.zeros(f.shapes[n]) for n in (*read, *held, *(e.name for e in equations))}
        edges: list[Edge] = []
        ends: list[Vertex] = []
        for n in outside:
            bar = jnp.asarray(rng.standard_normal(f.shapes[n]))
            bars[n] = bars[n] + bar
            ends.append(Vertex(f"outside of {n}", "", "outside", _norm(scope[n]), _norm(bar)))
            edges.append(Edge(n, f"outside of {n}", _norm(scope[n]), 1.0, _norm(bar)))
        for e in reversed(equations):
            names = list(ex.count(e.expression))
            function = lambda *v, e=e, names=names: _value(e.expression, {**scope, **dict(zip(names, v, strict=True))})  # noqa: E731
            _, vjp = jax.vjp(function, *(scope[n] for n in names))
            for n, back in zip(names, vjp(jnp.broadcast_to(bars[e.name], jnp.shape(scope[e.name]))), strict=True):
                if n in held:
                    continue
                bars[n] = bars[n] + back
                edges.append(Edge(n, e.name, _norm(scope[n]), 1.0, _norm(back)))
    kinds = {n: "parameter" if n in parameters else "input" for n in read}
    order = [*read, *(e.name for e in equations)]
    vertices = [Vertex(n, in_latex(n), kinds.get(n, "node"), _norm(scope[n]), _norm(bars[n])) for n in order]
    rank = {v: k for k, v in enumerate([*order, *(v.name for v in ends)])}
    edges.sort(key=lambda e: (rank[e.source], rank[e.target]))
    return Diagram(f"{f.title}: one step, norms of arrays", (*vertices, *ends), tuple(edges))


def _norm(v: Any) -> float:
    return float(jnp.sqrt(jnp.sum(jnp.asarray(v) ** 2)))
