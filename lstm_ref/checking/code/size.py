"""How large a problem is: what can be asked of every element, what along directions, and what not at all."""

from __future__ import annotations

import jax
import numpy as np

from lstm_ref.checking.problem import Problem
from lstm_ref.errors import CannotEvaluate
from lstm_ref.oracles.estimate import is_traceable
from lstm_ref.oracles.trace import graph_at

MANY_ELEMENTS = 1000
MANY_DIRECTED = 200
"""Inputs, each with directions of its own, that a large problem may have for an answer from values."""

# Beyond this many elements an evaluation in balls takes minutes (some 10 us an operation and element, T·B·H² of them):
# where autodiff sees every element, the others are asked only by name.
VERY_MANY_ELEMENTS = 20_000


def is_very_large(problem: Problem, traced: bool = True) -> bool:
    """Whether the problem is too large for balls, and autodiff or a graph can see all of it (or might: it is not to be
    traced). Of many small inputs it is sooner: each asks for evaluations of its own, element by element or along
    directions."""
    leaves = jax.tree.leaves(problem.inputs)
    size = sum(int(np.size(v)) for v in leaves)
    is_too_large = size > VERY_MANY_ELEMENTS or (size > MANY_ELEMENTS and len(leaves) > MANY_DIRECTED)
    if not is_too_large or problem.definition is not None:
        return False
    return not traced or is_traceable(problem.function, problem.inputs) or has_graph(problem)


def has_graph(problem: Problem) -> bool:
    """Whether the function is NumPy code that can be traced as it stands."""
    try:
        graph_at(problem.function, problem.inputs)
    except CannotEvaluate:
        return False
    return True


def is_large(problem: Problem) -> bool:
    """Whether one evaluation an element is too many."""
    return sum(int(np.size(v)) for v in jax.tree.leaves(problem.inputs)) > MANY_ELEMENTS
