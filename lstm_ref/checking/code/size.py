"""The size of a problem: small enough to check every element, only along directions, or not at all."""

from __future__ import annotations

import jax
import numpy as np

from lstm_ref.checking.problem import Problem

MANY_ELEMENTS = 1000
"""Elements above which oracles that evaluate once per element are asked along directions."""
MANY_OF_TORCH = 100
"""The same for torch code that can be traced: one evaluation takes half a millisecond, and torch's autograd and the
sweep of the graph see every element."""
MANY_DIRECTED = 200
"""Number of inputs above which a large problem is not checked along directions: each input needs directions of its
own."""

# Beyond this many elements an evaluation in balls takes minutes (about 10 us per operation and element, T·B·H² of
# them). If autodiff sees every element, the slower oracles are asked only by name.
VERY_MANY_ELEMENTS = 20_000


def is_very_large(problem: Problem, traced: bool = True) -> bool:
    """Whether the problem is too large for balls, while autodiff or a graph can see all of it. With `traced=False`
    nothing is traced, and the answer is that it might. Many small inputs reach the limit sooner, because each needs
    evaluations of its own."""
    leaves = jax.tree.leaves(problem.inputs)
    size = sum(int(np.size(v)) for v in leaves)
    is_too_large = size > VERY_MANY_ELEMENTS or (size > MANY_ELEMENTS and len(leaves) > MANY_DIRECTED)
    if not is_too_large or problem.definition is not None:
        return False
    return not traced or problem.forward.is_traceable or problem.forward.has_graph


def is_large(problem: Problem) -> bool:
    """Whether one evaluation per element is too many."""
    size = sum(int(np.size(v)) for v in jax.tree.leaves(problem.inputs))
    if size <= MANY_OF_TORCH or size > MANY_ELEMENTS:
        return size > MANY_ELEMENTS
    return problem.forward.is_torch and problem.definition is None and problem.forward.has_graph
