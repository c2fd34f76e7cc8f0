"""Adjoints of named values by autodiff: add a zero to the value; the gradient with respect to that zero is its adjoint.

The cell's own code does not change: its forward is traced, and the zero is added where the trace defines the value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.extend.source_info_util

from lstm_ref.arithmetic.walk import by_jax, walk
from lstm_ref.cells import Cell, Tape

# No line of this file is a line of the user's function.
jax.extend.source_info_util.register_exclusion(__file__)


def with_probes(cell: Cell) -> Callable[[Any, Any, Any, Any], tuple[Any, Tape]]:
    """`cell.forward` with one more argument, `probes`: a `Nodes` tuple of arrays, each added to the value it names."""

    def forward(p: Any, state: Any, x: Any, probes: Any) -> tuple[Any, Tape]:
        closed, shape = jax.make_jaxpr(cell.forward, return_shape=True)(p, state, x)
        outputs = jax.tree.unflatten(jax.tree.structure(shape), closed.jaxpr.outvars)
        added: dict[Any, Any] = {}
        for var, probe in zip(jax.tree.leaves(outputs[1].nodes), jax.tree.leaves(probes), strict=True):
            added[var] = added[var] + probe if var in added else probe  # one value may have two names

        def step(eqn: Any, operands: list[Any]) -> list[Any]:
            results = by_jax(closed.jaxpr, eqn, operands)
            return [v + added[var] if var in added else v for var, v in zip(eqn.outvars, results, strict=True)]

        flat = walk(closed.jaxpr, closed.consts, jax.tree.leaves((p, state, x)), step)
        return jax.tree.unflatten(jax.tree.structure(shape), flat)

    return forward
