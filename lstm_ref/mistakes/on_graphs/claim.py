"""A user's claim on any forward: the mistakes in it, by the lines of the forward."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lstm_ref.graph import trace
from lstm_ref.leaves import paths
from lstm_ref.mistakes.on_graphs.cells import recognise
from lstm_ref.mistakes.on_graphs.edges import Edges, Frame
from lstm_ref.mistakes.on_graphs.search import Explanation, explain
from lstm_ref.mistakes.on_graphs.words import Told, told

FLOAT32 = 3e-6
"""The error that float32 buffers may cause in a claim, relative to an array's largest element."""

FEW = 3
"""Largest number of suspect lines that still tells where to look."""


class NamedMistakes(NamedTuple):
    """What is wrong with a claim."""

    mistakes: tuple[Told, ...]
    is_complete: bool
    """Whether the forward with these mistakes gives the claim, to all digits."""
    suspects: tuple[str, ...]
    """If not: the fewest lines that every wrong gradient goes through."""


def explain_claim_on_graph(
    function: Callable[[Any], Any],
    inputs: Any,
    cotangent: Any,
    claimed: Mapping[str, Any],
    wrong: Collection[str] | None = None,
    floors: Mapping[str, float] | None = None,
) -> NamedMistakes:
    """The mistakes of the claimed gradients, by path (`layer.W`). Those that are not among the `wrong` count as right.

    Raises LeavesTheGraph and CannotEvaluate where the forward is not to be traced.
    """
    graph = trace(function, inputs)
    edges = Edges(graph)
    mine = {path: v for path, v in claimed.items() if wrong is None or path in wrong}
    tolerance: Any = floors if floors is not None else FLOAT32 if any("float32" in c for c in graph.casts) else 0.0
    unclaimed = set(edges.leaves.values()) - set(claimed)
    found = explain(graph, cotangent, mine, tolerance, edges, unclaimed)
    # Beside a mistake, such a factor is that of a constant (1 / 0.6) which the author's float32 has rounded.
    explanations = [e for e in found.explanations if not _is_rounding(e)] or found.explanations
    inside = recognise(edges, paths(inputs)) if explanations else None
    pages = [inside and inside.page_of(edges, e) for e in explanations]
    named = tuple(told(e, edges)._replace(page=page) for e, page in zip(explanations, pages, strict=True))
    if found.is_complete:
        return NamedMistakes(named, True, ())
    return NamedMistakes(named, False, suspects(edges, found.left))


def _is_rounding(explanation: Explanation) -> bool:
    """Whether it is a factor as near to 1 as two roundings to float32 make it, each of at most 2^-24."""
    candidate = explanation.candidate
    return candidate.kind == "scaled" and abs(float(candidate.found) - 1) <= 2.0**-23


def suspects(edges: Edges, wrong: Collection[str]) -> tuple[str, ...]:
    """The fewest statements that all wrong gradients go through, and no right one. If each of several will do, all of
    them; none if these are too many to help, such as all lines of a recurrence whose every gradient is wrong."""
    left = sum(1 << b for b, path in enumerate(edges.leaves.values()) if path in wrong)
    allowed, found = left, dict[Frame, None]()
    groups = [g for g in edges.groups if g.reach & ~allowed == 0 and g.frames]
    enough = dict.fromkeys(g.frames[0] for g in groups if g.reach & left == left)
    if enough:
        found, left = (enough if len(enough) <= FEW else {}), 0
    while left and groups:
        best = max(groups, key=lambda g: ((g.reach & left).bit_count(), len(g.visits), -int(np.min(g.visits[-1][0]))))
        if not best.reach & left:
            break
        found.setdefault(best.frames[0])
        left &= ~best.reach
    return tuple(f"{Path(frame.file).name}:{frame.line}  {frame.text}" for frame in found)
