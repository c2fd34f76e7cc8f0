"""Walks a jaxpr equation by equation under JAX's own tracing; the result of each equation may be changed on the way.

`jaxpr.Plan` walks in numbers other than JAX's, and many times over. This walk is for functions that JAX traces again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.extend.source_info_util
from jax.extend.core import Literal

# No line of this file is a line of the user's function.
jax.extend.source_info_util.register_exclusion(__file__)

Step = Callable[[Any, list[Any]], Sequence[Any]]
"""(equation, its operands) -> its results."""


def walk(jaxpr: Any, consts: Sequence[Any], arguments: Sequence[Any], step: Step) -> list[Any]:
    """The jaxpr's outputs, where `step` computes each equation (`by_jax` computes it unchanged)."""
    values = dict(zip(jaxpr.constvars, consts, strict=True)) | dict(zip(jaxpr.invars, arguments, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    for eqn in jaxpr.eqns:
        values.update(zip(eqn.outvars, step(eqn, list(map(read, eqn.invars))), strict=True))
    return list(map(read, jaxpr.outvars))


def by_jax(jaxpr: Any, eqn: Any, operands: Sequence[Any]) -> Sequence[Any]:
    """The results of one equation of this jaxpr."""
    known = {v: x for v, x in zip(eqn.invars, operands, strict=True) if not isinstance(v, Literal)}
    alone = jaxpr.replace(constvars=[], invars=list(known), outvars=eqn.outvars, eqns=[eqn])
    results: Sequence[Any] = jax.core.eval_jaxpr(alone, (), *known.values())
    return results
