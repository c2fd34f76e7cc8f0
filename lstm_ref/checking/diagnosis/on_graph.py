"""Names the mistakes of any claim by the lines of its forward, traced as a graph; the cell need not be known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from lstm_ref.checking.diagnosis.smaller import smaller
from lstm_ref.checking.problem import Problem
from lstm_ref.checking.report import Finding
from lstm_ref.errors import CannotEvaluate
from lstm_ref.graph.sweep import sweep
from lstm_ref.graph.trace import graph_at
from lstm_ref.leaves import NamedArrays, paths
from lstm_ref.mistakes.on_graphs.claim import NamedMistakes, explain_claim_on_graph
from lstm_ref.mistakes.source import CANNOT

MOST_ELEMENTS = 100_000
"""Above this size the search takes minutes: 65 s for an LSTM of 73,165 parameters."""
LARGE = 3000
"""Above this size, a smaller problem is searched first: seconds, and not a minute."""
WRONG = 1e-6
"""Relative to the largest element, a difference that counts as wrong on a smaller problem."""

TOO_LARGE = f"and its code takes no shorter axes: a problem of at most {MOST_ELEMENTS} has the same mistakes"


def mistakes_on_graph(
    problem: Problem, inputs: dict[str, Any], cotangents: Any, claimed: NamedArrays, wrong: NamedArrays
) -> Iterator[Finding]:
    """A finding for each mistake that explains wrong gradients to all digits; nothing where the forward cannot be
    traced. Where mistakes remain unexplained, the lines through which all wrong gradients pass."""
    size = sum(int(np.size(v)) for v in jax.tree.leaves(inputs))
    is_wrong = [path for path, mask in wrong.items() if np.any(mask) and path.split(".")[0] not in problem.nodes]
    if not is_wrong or problem.moved:
        return
    if size > LARGE:
        found = list(_on_a_smaller_one(problem, is_wrong, size))
        if found:
            yield from found
            return
    if size > MOST_ELEMENTS:
        yield Finding("not searched", f"the lines of the forward were not searched, for {size} elements, {TOO_LARGE}")
        return
    try:
        claimed = _in_float64(problem, inputs, cotangents, claimed)
        floats = {path: np.asarray(v, np.float64) for path, v in claimed.items() if path in paths(inputs)}
        named = explain_claim_on_graph(problem.function, inputs, cotangents, floats, is_wrong)
    except CannotEvaluate:
        return
    yield from _findings(named, problem)


def _in_float64(problem: Problem, inputs: dict[str, Any], cotangents: Any, claimed: NamedArrays) -> NamedArrays:
    """What the code claims in float64, whatever precision it is written in: in float32, too few digits would agree.
    Raises CannotEvaluate where torch code cannot be followed for that."""
    is_torch = problem.backward(cotangents).is_torch
    kinds = {np.asarray(v).dtype for v in jax.tree.leaves(problem.inputs)}
    is_low = any(jax.numpy.issubdtype(kind, np.floating) and kind != np.float64 for kind in kinds)
    if not (is_torch or is_low):
        return claimed
    try:
        return paths(graph_at(problem.gradients, inputs, cotangents).result)
    except (CannotEvaluate, *CANNOT):  # buffers of float32 take no float64
        if is_torch and is_low:
            raise
        return claimed


def _findings(named: NamedMistakes, problem: Problem, where: str = "") -> Iterator[Finding]:
    for one in named.mistakes:
        others = f" (or, with the same effect: {'; '.join(one.other_places)})" if one.other_places else ""
        belongs = f"; there belongs: {one.belongs}" if one.belongs else ""
        tags, page = ((one.page[0],), one.page[1]) if one.page else ((), None)
        text = f"{one.sentence}, in {one.place}{others}{belongs}{where}"
        yield Finding("mistake", text, exact=named.is_complete, tags=tags, place=page)
    if named.suspects and not problem.nodes:  # adjoints that are claimed themselves tell the place better
        yield Finding("suspects", f"every wrong gradient passes through: {'; '.join(named.suspects)}")


def _on_a_smaller_one(problem: Problem, is_wrong: list[str], size: int) -> Iterator[Finding]:
    """The findings on a smaller problem with the same wrong gradients, if they explain all of them there."""
    with smaller(problem) as small:
        if small is None:
            return
        inputs = jax.tree.map(lambda v: np.array(v, np.float64), small.inputs)
        rng = np.random.default_rng(0)
        try:
            graph = graph_at(small.function, inputs)
            bars = jax.tree.map(lambda v: rng.standard_normal(np.shape(v)) if np.ndim(v) else np.ones(()), graph.result)
            claimed = {p: np.asarray(v, np.float64) for p, v in paths(small.gradients(inputs, bars)).items()}
            right = paths(sweep(graph, bars).gradients)
            off = {p: np.max(np.abs(v - right[p]), initial=0.0) for p, v in claimed.items() if p in right}
            here = [p for p, d in off.items() if d > WRONG * np.max(np.abs(right[p]), initial=0.0)]
            if set(here) != set(is_wrong):
                return
            named = explain_claim_on_graph(small.function, inputs, bars, claimed, here)
        except (CannotEvaluate, *CANNOT):
            return
        if named.is_complete and named.mistakes:
            few = sum(int(np.size(v)) for v in jax.tree.leaves(inputs))
            yield from _findings(named, problem, f" (found with {few:,} of the {size:,} elements, on shorter axes)")
