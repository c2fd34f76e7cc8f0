"""Makes nodes of the values that a JAX forward names with `jax.ad_checkpoint.checkpoint_name`; the user adds no probes.

The forward is traced, and a zero is added to each named value; the gradient with respect to that zero is the value's
adjoint. Inside a `lax.scan` there is one zero per step, so that a node has its time axis first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.arithmetic.x64 import x64
from lstm_ref.checking.function.rerun import run_again, shapes_of_named
from lstm_ref.checking.problem import Problem
from lstm_ref.errors import BadInput
from lstm_ref.leaves import paths


def with_named_nodes(problem: Problem) -> Problem:
    """The problem with more inputs and nodes: every named value for which the claim gives an adjoint.

    A value inside a scan has shape (T, ...); a value that an unrolled loop computes several times is stacked; a value
    computed once has shape (1, ...), and its adjoint may omit that axis. Raises BadInput if a name is also an input's,
    names values of several shapes, or is inside a loop or branch that cannot be followed.
    """
    if not problem.forward.is_traceable:
        return problem
    with x64():
        closed, outputs = jax.make_jaxpr(problem.function, return_shape=True)(problem.inputs)
    shapes = shapes_of_named(closed.jaxpr, problem.name)
    if not shapes:
        return problem
    given = _claimed_names(problem, outputs)
    nodes = [name for name in shapes if name in given]
    if not nodes:
        return problem
    for name in nodes:
        if name in problem.inputs:
            raise BadInput(f"{problem.name}: {name!r} is the name of an input and of a value named by checkpoint_name")
    own = tuple(problem.inputs)
    function, gradients = problem.function, problem.gradients

    def probed(inputs: Any) -> Any:
        base = {k: inputs[k] for k in own}
        closed, shape = jax.make_jaxpr(function, return_shape=True)(base)
        probes = {n: inputs[n] if n in nodes else jnp.zeros(s) for n, s in shapes.items()}
        flat = run_again(closed.jaxpr, closed.consts, jax.tree.leaves(base), probes, problem.name)
        return jax.tree.unflatten(jax.tree.structure(shape), flat)

    def claimed(inputs: Any, bars: Any) -> Any:
        found = dict(gradients({k: inputs[k] for k in own}, bars))
        for name in nodes:
            if np.shape(found[name]) == shapes[name][1:] and shapes[name][0] == 1:
                found[name] = found[name][None]
        return found

    zeros = {n: np.zeros(shapes[n]) for n in nodes}
    return replace(
        problem,
        inputs=problem.inputs | zeros,
        function=probed,
        gradients=claimed,
        nodes=(*problem.nodes, *nodes),
    )


def _claimed_names(problem: Problem, outputs: Any) -> set[str]:
    """Top-level names in the claim, found at zero cotangents. Code that fails here fails again later, where that is
    reported."""
    zeros = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), outputs)
    try:
        given = problem.backward(zeros).run(problem.inputs, zeros)
    except (Exception, SystemExit):
        return set()
    return {path.split(".")[0] for path in paths(given)} if isinstance(given, dict) else set()
