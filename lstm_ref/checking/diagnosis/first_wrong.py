"""Finds the first wrong adjoint on the way back from the loss."""

from __future__ import annotations

import numpy as np

from lstm_ref.checking.problem import Problem
from lstm_ref.checking.report import FirstWrong, NodeReport


def walk_back(problem: Problem, wrong: dict[str, np.ndarray]) -> tuple[FirstWrong | None, tuple[str, ...]]:
    """The first wrong adjoint on the way back from the loss, and the wrong ones after it: later steps first, and within
    a step in reverse forward order."""
    nodes = [n for n in problem.nodes if n in wrong and wrong[n].ndim > 0]
    if not nodes:
        return None, ()
    steps = max(wrong[n].shape[0] for n in nodes)
    order = range(steps) if problem.reverse_time else range(steps - 1, -1, -1)
    found = [(n, t) for t in order for n in reversed(nodes) if t < wrong[n].shape[0] and wrong[n][t].any()]
    if not found:
        return None, ()
    (node, step), *rest = found
    return FirstWrong(node, step, steps), tuple(f"{n}[{t}]" for n, t in rest)


def first_wrong_of(nodes: tuple[NodeReport, ...], reverse_time: bool) -> tuple[FirstWrong | None, tuple[str, ...]]:
    """The same for adjoints that the author gave beside the gradients."""
    steps = len(nodes[0].wrong)
    order = range(steps) if reverse_time else range(steps - 1, -1, -1)
    found = [(n.name, t) for t in order for n in reversed(nodes) if n.wrong[t]]
    if not found:
        return None, ()
    (node, step), *rest = found
    return FirstWrong(node, step, steps), tuple(f"{n}[{t}]" for n, t in rest)


def nodes_of(
    problem: Problem, claimed: dict[str, np.ndarray], truth: dict[str, np.ndarray] | None, wrong: dict[str, np.ndarray]
) -> tuple[NodeReport, ...]:
    """The claimed adjoints of the problem's nodes, step by step."""
    found = []
    for name in problem.nodes:
        if truth is None or name not in claimed or claimed[name].ndim == 0 or not claimed[name].size:
            continue
        size = float(np.max(np.abs(truth[name]))) or 1.0
        errors = np.abs(claimed[name].astype(np.float64) - truth[name]).reshape(len(truth[name]), -1).max(axis=1) / size
        bad = wrong[name].reshape(len(errors), -1)
        found.append(NodeReport(name, tuple(map(float, errors)), tuple(bool(step.any()) for step in bad)))
    return tuple(found)
