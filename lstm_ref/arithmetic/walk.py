"""The walk through a jaxpr, equation by equation, and the questions that a jaxpr answers without being evaluated.

`walk` does not know what a value is. Each caller's `step` says what an equation makes of its operands:

- `jaxpr.Prepared`: places in a list of values, so that balls or floats run through the same jaxpr many times;
- `graph.flatten`: numbers of the variables of a graph, whose values are computed on the way;
- `pages.probes` and `checking.function.rerun`: values under JAX's own tracing, with zeros added to some of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.extend.source_info_util
from jax.extend.core import Literal

# No line of this file is a line of the user's function.
jax.extend.source_info_util.register_exclusion(__file__)

EquationStep = Callable[[Any, list[Any]], Sequence[Any]]
"""(equation, its operands) -> its results."""

CALLS = frozenset(
    (
        *("jit", "pjit", "closed_call", "core_call", "core_closed_call", "eval_jaxpr", "composite"),
        *("remat", "remat2", "checkpoint"),
        *("custom_jvp_call", "custom_jvp_call_jaxpr", "custom_vjp_call", "custom_vjp_call_jaxpr"),
    )
)
"""The primitives that mean what the function inside them means."""

LOOPS = frozenset(("scan", "while", "cond"))
"""The primitives that run the functions inside them any number of times."""

VIEWS = frozenset(("slice", "transpose", "reshape", "rev"))
"""The primitives that show an array otherwise. `jax.vmap` puts in some that no line of the user's asks for."""


def walk(
    jaxpr: Any,
    consts: Sequence[Any],
    arguments: Sequence[Any],
    step: EquationStep,
    literal: Callable[[Any], Any] = lambda atom: atom.val,
) -> list[Any]:
    """The jaxpr's outputs.

    Args:
        jaxpr: An open jaxpr.
        consts: The values of its constants.
        arguments: The values of its inputs.
        step: Computes each equation (`by_jax` computes it unchanged).
        literal: Makes a value of a literal among the operands or outputs.
    """
    values = dict(zip(jaxpr.constvars, consts, strict=True)) | dict(zip(jaxpr.invars, arguments, strict=True))

    def read(atom: Any) -> Any:
        return literal(atom) if isinstance(atom, Literal) else values[atom]

    for eqn in jaxpr.eqns:
        values.update(zip(eqn.outvars, step(eqn, list(map(read, eqn.invars))), strict=True))
    return list(map(read, jaxpr.outvars))


def by_jax(jaxpr: Any, eqn: Any, operands: Sequence[Any]) -> Sequence[Any]:
    """The results of one equation of this jaxpr."""
    known = {v: x for v, x in zip(eqn.invars, operands, strict=True) if not isinstance(v, Literal)}
    alone = jaxpr.replace(constvars=[], invars=list(known), outvars=eqn.outvars, eqns=[eqn])
    results: Sequence[Any] = jax.core.eval_jaxpr(alone, (), *known.values())
    return results


def unrolled(
    eqn: Any,
    operands: Sequence[Any],
    body: Callable[[list[Any]], Sequence[Any]],
    unstack: Callable[[Any, Any], Sequence[Any]],
    stack: Callable[[list[Any], Any], Any],
) -> list[Any]:
    """The results of a scan, computed step by step.

    Args:
        eqn: The scan's equation.
        operands: Its operands.
        body: The outputs of one step, given its inputs.
        unstack: The slices of an operand that runs over time, given the operand and its variable.
        stack: The result that runs over time, given its slices and its variable.
    """
    n_consts, n_carry = scan_counts(eqn)
    consts, carry = operands[:n_consts], operands[n_consts : n_consts + n_carry]
    over_time = zip(operands[n_consts + n_carry :], eqn.invars[n_consts + n_carry :], strict=True)
    xs = [unstack(x, variable) for x, variable in over_time]
    backwards = eqn.params["reverse"]
    columns: list[list[Any]] = [[] for _ in eqn.outvars[n_carry:]]
    for t in reversed(range(eqn.params["length"])) if backwards else range(eqn.params["length"]):
        out = body([*consts, *carry, *(x[t] for x in xs)])
        carry = out[:n_carry]
        for column, y in zip(columns, out[n_carry:], strict=True):
            column.append(y)
    ordered = (column[::-1] if backwards else column for column in columns)
    return [*carry, *(stack(ys, variable) for ys, variable in zip(ordered, eqn.outvars[n_carry:], strict=True))]


# ------------------------------------------------------------------------------------------------ without values


def opened(jaxpr: Any) -> tuple[Any, Sequence[Any]]:
    """An open jaxpr and its constants, from an open or a closed one."""
    return getattr(jaxpr, "jaxpr", jaxpr), getattr(jaxpr, "consts", ())


def called(eqn: Any) -> Any:
    """The jaxpr of the function that an equation calls, where it does nothing else; otherwise None."""
    if eqn.primitive.name not in CALLS:
        return None
    return next(eqn.params[name] for name in ("jaxpr", "call_jaxpr", "fun_jaxpr") if name in eqn.params)


def inner_jaxprs(eqn: Any) -> Iterator[Any]:
    """Every jaxpr among the parameters of an equation, open."""
    for value in eqn.params.values():
        for part in value if isinstance(value, (tuple, list)) else (value,):
            inner = getattr(part, "jaxpr", part)
            if hasattr(inner, "eqns"):
                yield inner


def scan_counts(eqn: Any) -> tuple[int, int]:
    """The number of constants and of carries among a scan equation's inputs; the remaining inputs run over time."""
    if "num_consts" in eqn.params:
        return eqn.params["num_consts"], eqn.params["num_carry"]
    consts, carry, _ = eqn.params["ft_in"].unpack()  # jax >= 0.11
    return len(consts), len(carry)


def name_in_jax(jaxpr: Any) -> str | None:
    """The name of the function that a jaxpr was traced from, if it is one of JAX's own; else None."""
    about: Any = getattr(opened(jaxpr)[0], "debug_info", None)
    name, _, place = str(about.func_src_info if about else "").partition(" at ")
    return name if any(place.startswith(path) for path in jax.__path__) else None


def with_lines(jaxpr: Any, around: Any = None, is_jaxs: bool = False) -> Any:
    """The jaxpr, where an equation without a line of the user's, if not a view, has that of the equation around it.

    JAX traces the functions that it is handed, and its own, without the lines that called them: in `cond(p, jnp.tanh,
    f, x)`, tanh has none. In a jitted function of JAX itself every equation gets the caller's line, because JAX may
    keep that of an earlier caller.

    Args:
        jaxpr: An open or a closed jaxpr.
        around: The source information of the equation around it.
        is_jaxs: Whether it belongs to a jitted function of JAX itself.
    """
    body, _ = opened(jaxpr)
    eqns = [_with_line(eqn, around, is_jaxs) for eqn in body.eqns]
    if all(new is old for new, old in zip(eqns, body.eqns, strict=True)):
        return jaxpr
    located = body.replace(eqns=eqns)
    return located if body is jaxpr else jaxpr.replace(jaxpr=located)


def _with_line(eqn: Any, around: Any, is_jaxs: bool) -> Any:
    """The equation with its own line or the one around it, and so what is inside it; itself where nothing changes."""
    source = eqn.source_info
    has_line = ":" in jax.extend.source_info_util.summarize(source)
    if around is not None and (is_jaxs or not (has_line or eqn.primitive.name in VIEWS)):
        source = around
    changed = {}
    if eqn.primitive.name in CALLS or eqn.primitive.name in LOOPS:
        inside = is_jaxs or is_jaxs_own(eqn)
        for name, value in eqn.params.items():
            parts = value if type(value) is tuple else (value,)  # the branches of a cond
            new = tuple(with_lines(v, source, inside) if hasattr(opened(v)[0], "eqns") else v for v in parts)
            if any(a is not b for a, b in zip(new, parts, strict=True)):
                changed[name] = new if type(value) is tuple else new[0]
    if source is eqn.source_info and not changed:
        return eqn
    return eqn.replace(source_info=source, params=eqn.params | changed)


def is_jaxs_own(eqn: Any) -> bool:
    """Whether the equation calls a jitted function of JAX itself. Its lines, if any, are those of the first caller."""
    return eqn.primitive.name in ("jit", "pjit") and name_in_jax(called(eqn)) is not None


def between(jaxpr: Any, known: Sequence[Any], outputs: Sequence[Any]) -> Any:
    """The part of a jaxpr that computes `outputs`; its inputs are those variables among `known` that it reads."""
    live = {v for v in outputs if not isinstance(v, Literal)}
    given = set(known).difference(live)
    read: set[Any] = set()
    kept: list[Any] = []
    for eqn in reversed(jaxpr.eqns):
        if not live.isdisjoint(eqn.outvars):
            kept.append(eqn)
            for v in eqn.invars:
                if not isinstance(v, Literal):
                    (read if v in given else live).add(v)
    return jaxpr.replace(invars=[v for v in known if v in read], outvars=list(outputs), eqns=kept[::-1])


def needed(jaxpr: Any) -> Any:
    """The jaxpr without the equations that no output depends on. Differentiation leaves such equations behind, and
    they may be undecidable."""
    return jaxpr.replace(eqns=between(jaxpr, (), jaxpr.outvars).eqns)
