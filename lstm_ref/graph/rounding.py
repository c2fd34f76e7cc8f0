"""Bounds the difference that rounding makes between two computations of one graph: a running error analysis, to first
order.

Each equation rounds its result by a few units in its last place; a sum or product of n terms is rounded by n units of
the sum of the terms' sizes. The adjoint of the result tells how much of that reaches the output. Source: Higham,
"Accuracy and Stability of Numerical Algorithms", 2nd edition, 2002, sections 3.1 and 3.3.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lstm_ref.graph.sweep import Adjoints, sweep

ULPS = 4
"""Error of NumPy's elementary functions, at most, in units in the last place."""
EXACT = {
    *(
        "neg",
        "abs",
        "sign",
        "max",
        "min",
        "reshape",
        "transpose",
        "broadcast_in_dim",
        "squeeze",
        "expand_dims",
        "slice",
    ),
    *("concatenate", "select_n", "dynamic_slice", "dynamic_update_slice", "gather", "scatter", "stack", "unstack"),
    *("reduce_max", "reduce_min", "rev", "split", "copy", "convert_element_type", "pad", "floor", "ceil", "round"),
}
"""Primitives that are exact."""


def distance(graph: Any, others: list[Any], casts: tuple[str, ...]) -> tuple[float, float]:
    """|Σ r · (the graph's outputs − others)| for one random r, and the bound of what rounding contributes to it."""
    rng = np.random.default_rng(0)
    weights = [rng.uniform(0.5, 1, np.shape(v)) * rng.choice([-1.0, 1.0], np.shape(v)) for v in others]
    off = 0.0
    for number, other, r in zip(graph.outputs, others, weights, strict=True):
        value = np.asarray(graph.values[number], dtype=np.float64)
        other = np.asarray(other, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            off += float(np.sum(np.where((value == other) | np.isnan(value), 0.0, r * (value - other))))
    if off == 0.0:
        return 0.0, 0.0
    unit = max([2.0**-52, *(float(np.finfo(c.split()[0]).eps) for c in casts)])
    return abs(off), 2 * unit * amount(sweep(graph, weights), bool(casts))


def amount(adjoints: Adjoints, with_inputs: bool = False) -> float:
    """Σ |adjoint| · rounding error over all equations, in units in the last place."""
    graph, bars = adjoints.graph, adjoints.bars
    total = 0.0
    with np.errstate(all="ignore"):
        for e in graph.equations:
            if e.primitive in EXACT and not with_inputs:
                continue
            for r, size in zip(e.results, _sizes(graph, e), strict=True):
                if bars[r] is not None:  # what is infinite, such as a mask before a softmax, is not rounded
                    counts = (bars[r] != 0) & np.isfinite(graph.values[r])
                    total += float(np.sum(np.abs(bars[r]) * size, where=counts))
        if with_inputs:
            total += sum(float(np.sum(np.abs(bars[i] * graph.values[i]))) for i in graph.inputs if bars[i] is not None)
        for i in graph.outputs:
            value = np.asarray(graph.values[i], dtype=np.float64)
            total += float(np.sum(np.abs(value), where=np.isfinite(value)))
    return total


def _sizes(graph: Any, e: Any) -> list[Any]:
    if e.primitive == "dot_general":
        a, b = (np.abs(graph.values[i]) for i in e.operands)
        (over, _), _ = e.params["dimension_numbers"]
        n = math.prod(a.shape[i] for i in over)
        return [(n + 1) * e.kind.step(a, b)]
    if e.primitive in ("reduce_sum", "cumsum", "scatter-add"):
        xs = [np.abs(graph.values[i]) if f else graph.values[i] for i, f in zip(e.operands, e.kind.floats, strict=True)]
        n = max(1, math.prod(e.kind.shapes[0]) // max(1, math.prod(e.kind.result_shapes[0]))) + 1
        return [n * e.kind.step(*xs)]
    return [ULPS * np.abs(graph.values[r]) for r in e.results]
