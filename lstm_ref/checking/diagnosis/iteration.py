"""Tells a claim that nearly agrees, of a forward with an iteration that its values end, from an ordinary mistake.

The derivative of the code is that of the steps that ran. A backward pass by the implicit function theorem is that of
the exact solution, and differs by as much as the iteration has not converged: no term of it is wrong.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lstm_ref.arithmetic.walk import inner_jaxprs, opened
from lstm_ref.checking.problem import Problem
from lstm_ref.checking.report import Finding
from lstm_ref.errors import CannotEvaluate
from lstm_ref.graph.flatten import place_of
from lstm_ref.graph.trace import Graph, graph_at
from lstm_ref.leaves import NamedArrays

LEAST_DIGITS = 5.0
"""Digits to which every wrong gradient must agree: one with a wrong term hardly agrees to so many."""


def stopped_iteration(
    problem: Problem, inputs: dict[str, Any], claimed: NamedArrays, truth: NamedArrays, wrong: NamedArrays
) -> Iterator[Finding]:
    """A hint if the claim agrees to some digits and the forward has a loop that ends by its values."""
    digits = min((_digits(claimed[path], truth.get(path)) for path, mask in wrong.items() if np.any(mask)), default=0.0)
    if not digits >= LEAST_DIGITS:
        return
    try:
        loop = _loop_by_values(graph_at(problem.function, inputs))
    except CannotEvaluate:
        return
    if loop:
        yield Finding(
            "iteration",
            f"the claim agrees to {math.floor(digits)} digits, and the values decide when the loop at {loop} ends: a "
            "backward by the implicit function theorem differs from the derivative of this code by as much as the "
            "iteration has not converged. If yours is one, let the forward iterate to convergence (a smaller "
            "tolerance), and more digits agree",
        )


def _digits(claimed: Any, truth: Any) -> float:
    """Digits of agreement, relative to the largest element; none where the truth is not known."""
    if truth is None:
        return 0.0
    right = np.asarray(truth, np.float64)
    size = np.max(np.abs(right), initial=0.0)
    error = np.max(np.abs(np.asarray(claimed, np.float64) - right), initial=0.0)
    return -math.log10(error / size) if size > 0 and error > 0 and np.isfinite(error) else 0.0


def _loop_by_values(graph: Graph) -> str | None:
    """The place of the first such loop, as "file.py:7"; None if there is none."""
    for place in graph.decided_at:
        file, _, line = place.rpartition(" (")[0].rpartition(":")
        if line and (start := _loop_ended_at(file, int(line))):
            return f"{Path(file).name}:{start}"
    for equation in _whiles(graph.jaxpr):
        where = place_of(equation.source_info)
        if where.file:
            return f"{Path(where.file).name}:{where.line}"
    return None


def _loop_ended_at(file: str, line: int) -> int | None:
    """The first line of a Python loop that a decision at this line may end: the condition of a `while`, or of an `if`
    that breaks or returns out of the loop."""
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    return next(_loops_ended_at(tree, line, None), None)


def _loops_ended_at(node: ast.AST, line: int, around: int | None) -> Iterator[int]:
    """First lines of such loops below a node; `around` is that of the innermost loop around it."""
    for name, value in ast.iter_fields(node):
        for part in value if isinstance(value, list) else (value,):
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
                yield from _loops_ended_at(part, line, None)  # what returns from it ends no loop around it
            elif isinstance(part, ast.AST):
                inside = node.lineno if isinstance(node, ast.For | ast.While) and name == "body" else around
                if isinstance(part, ast.While) and _spans(part.test, line):
                    yield part.lineno
                elif inside and isinstance(part, ast.If) and _spans(part.test, line) and _leaves(part):
                    yield inside
                yield from _loops_ended_at(part, line, inside)


def _spans(node: ast.expr, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _leaves(branch: ast.If) -> bool:
    return any(isinstance(s, ast.Break | ast.Return) for s in (*branch.body, *branch.orelse))


def _whiles(jaxpr: Any) -> Iterator[Any]:
    """JAX's while loops whose condition reads a float; one that counts reads integers alone."""
    for equation in opened(jaxpr)[0].eqns:
        if equation.primitive.name == "while":
            condition = opened(equation.params["cond_jaxpr"])[0]
            if any(np.issubdtype(v.aval.dtype, np.floating) for e in condition.eqns for v in e.invars):
                yield equation
        for inner in inner_jaxprs(equation):
            yield from _whiles(inner)
