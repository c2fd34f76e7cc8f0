"""Names the mistakes of any claim by the lines of its forward, traced as a graph; the cell need not be known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from lstm_ref.checking.problem import Problem
from lstm_ref.checking.report import Finding
from lstm_ref.errors import CannotEvaluate
from lstm_ref.graph.trace import graph_at
from lstm_ref.leaves import paths
from lstm_ref.mistakes.on_graphs.claim import explain_claim_on_graph

MOST_ELEMENTS = 100_000
"""Above this size the search takes minutes: 65 s for an LSTM of 73,165 parameters."""

SMALLER = f"a problem of at most {MOST_ELEMENTS} has the same mistakes"

Named = Mapping[str, np.ndarray]


def mistakes_on_graph(
    problem: Problem, inputs: dict[str, Any], cotangents: Any, claimed: Named, wrong: Named
) -> Iterator[Finding]:
    """A finding for each mistake that explains wrong gradients to all digits; nothing where the forward cannot be
    traced. Where mistakes remain unexplained, the lines through which all wrong gradients pass."""
    size = sum(int(np.size(v)) for v in jax.tree.leaves(inputs))
    is_wrong = [path for path, mask in wrong.items() if np.any(mask) and path.split(".")[0] not in problem.nodes]
    if not is_wrong or problem.moved:
        return
    if size > MOST_ELEMENTS:
        yield Finding("not searched", f"the lines of the forward were not searched, for {size} elements: {SMALLER}")
        return
    try:
        if hasattr(problem.gradients, "torch"):  # in float64, whatever precision it is written in
            claimed = paths(graph_at(problem.gradients, inputs, cotangents).result)
        floats = {path: np.asarray(v, np.float64) for path, v in claimed.items() if path in paths(inputs)}
        found = explain_claim_on_graph(problem.function, inputs, cotangents, floats, is_wrong)
    except CannotEvaluate:
        return
    for one in found.mistakes:
        others = f" (or, with the same effect: {'; '.join(one.other_places)})" if one.other_places else ""
        belongs = f"; there belongs: {one.belongs}" if one.belongs else ""
        tags, page = ((one.page[0],), one.page[1]) if one.page else ((), None)
        text = f"{one.sentence}, in {one.place}{others}{belongs}"
        yield Finding("mistake", text, exact=found.is_complete, tags=tags, place=page)
    if found.suspects and not problem.nodes:  # adjoints that are claimed themselves tell the place better
        yield Finding("suspects", f"every wrong gradient passes through: {'; '.join(found.suspects)}")
