"""Adjoints of named values by autodiff: add a zero at the value; the gradient with respect to that zero is its adjoint.

The cell's own code is not touched: its forward is traced, and the zero is added where the trace defines the value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import Literal, Var

from lstm_ref.cells import Cell, Tape


def with_probes(cell: Cell) -> Callable[[Any, Any, Any, Any], tuple[Any, Tape]]:
    """`cell.forward` with one more argument, `probes`: a `Nodes` tuple of arrays, each added to the value it names."""

    def forward(p: Any, state: Any, x: Any, probes: Any) -> tuple[Any, Tape]:
        closed, shape = jax.make_jaxpr(cell.forward, return_shape=True)(p, state, x)
        outputs = jax.tree.unflatten(jax.tree.structure(shape), closed.jaxpr.outvars)
        added: dict[Any, Any] = {}
        for var, probe in zip(jax.tree.leaves(outputs[1].nodes), jax.tree.leaves(probes), strict=True):
            added[var] = added[var] + probe if var in added else probe  # one value may have two names
        values: dict[Var, Any] = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
        values.update(zip(closed.jaxpr.invars, jax.tree.leaves((p, state, x)), strict=True))

        def read(atom: Any) -> Any:
            return atom.val if isinstance(atom, Literal) else values[atom]

        for eqn in closed.jaxpr.eqns:
            known = [var for var in eqn.invars if not isinstance(var, Literal)]
            alone = closed.jaxpr.replace(constvars=[], invars=known, outvars=eqn.outvars, eqns=[eqn])
            results = jax.core.eval_jaxpr(alone, (), *map(read, known))
            for var, value in zip(eqn.outvars, results, strict=True):
                values[var] = value + added[var] if var in added else value
        return jax.tree.unflatten(jax.tree.structure(shape), list(map(read, closed.jaxpr.outvars)))

    return forward
