"""Makes nodes of the values that a JAX forward names with `jax.ad_checkpoint.checkpoint_name`; the user adds no probes.

The forward is traced, and a zero is added to each named value; the gradient with respect to that zero is the value's
adjoint. Inside a `lax.scan` there is one zero per step, so that a node has its time axis first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.arithmetic.traceable import is_traceable
from lstm_ref.arithmetic.walk import by_jax, called, inner_jaxprs, name_in_jax, opened, scan_counts, walk
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.checking.code.run import in_own_arithmetic
from lstm_ref.checking.problem import Problem
from lstm_ref.errors import BadInput
from lstm_ref.leaves import paths

Probes = dict[str, Any]
"""By name, zeros of shape (n, ...), where n is how often the value is computed, in order of computation."""


def with_named_nodes(problem: Problem) -> Problem:
    """The problem with more inputs and nodes: every named value for which the claim gives an adjoint.

    A value inside a scan has shape (T, ...); a value that an unrolled loop computes several times is stacked; a value
    computed once has shape (1, ...), and its adjoint may omit that axis. Raises BadInput if a name is also an input's,
    names values of several shapes, or is inside a loop or branch that cannot be followed.
    """
    if not is_traceable(problem.function, problem.inputs):
        return problem
    with x64():
        closed, outputs = jax.make_jaxpr(problem.function, return_shape=True)(problem.inputs)
    shapes = _shapes(closed.jaxpr, problem.name)
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
        flat = _run(closed.jaxpr, closed.consts, jax.tree.leaves(base), probes, problem.name)
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
        given = in_own_arithmetic(problem.gradients, problem.inputs, zeros)(problem.inputs, zeros)
    except (Exception, SystemExit):
        return set()
    return {path.split(".")[0] for path in paths(given)} if isinstance(given, dict) else set()


# ----------------------------------------------------------------------------------------- rules of the walk


def _occurrences(jaxpr: Any, where: str) -> Iterator[tuple[str, int, tuple[int, ...]]]:
    """(name, number of times, shape) for every place that names a value, in order."""
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "name":
            yield eqn.params["name"], 1, tuple(eqn.outvars[0].aval.shape)
        elif eqn.primitive.name == "scan":
            for name, times, shape in _occurrences(opened(eqn.params["jaxpr"])[0], where):
                yield name, times * eqn.params["length"], shape
        elif (inner := called(eqn)) is not None:
            yield from _occurrences(opened(inner)[0], where)
        else:
            _refuse(eqn, where)


def _refuse(eqn: Any, where: str) -> None:
    """Raise BadInput if a loop or branch that cannot be followed contains a named value."""
    if any(True for inner in inner_jaxprs(eqn) for _ in _occurrences(inner, where)):
        raise BadInput(
            f"{where}: a value is named by checkpoint_name inside {eqn.primitive.name}, which may compute it any "
            "number of times: use lax.scan, or a probe among the inputs"
        )


def _shapes(jaxpr: Any, where: str) -> dict[str, tuple[int, ...]]:
    """By name, the shape of the stacked values of that name."""
    found: dict[str, tuple[int, ...]] = {}
    for name, times, shape in _occurrences(jaxpr, where):
        before = found.get(name, (0, *shape))
        if before[1:] != shape:
            raise BadInput(f"{where}: checkpoint_name {name!r} names values of shapes {before[1:]} and {shape}")
        found[name] = (before[0] + times, *shape)
    return found


def without_custom_rules(function: Callable[..., Any], but_jaxs_own: bool = False) -> Callable[..., Any]:
    """The JAX function without custom derivative rules: each `custom_vjp` and `custom_jvp` is replaced by its primal,
    and `stop_gradient` by the identity. With `but_jaxs_own`, the rules of JAX's own functions (relu, logsumexp …)
    stay, because they are not under test."""

    def primal(*arguments: Any) -> Any:
        closed, shape = jax.make_jaxpr(function, return_shape=True)(*arguments)
        kept = _rules_of_jax if but_jaxs_own else _no_rules
        flat = _run(closed.jaxpr, closed.consts, jax.tree.leaves(arguments), None, "", kept)
        return jax.tree.unflatten(jax.tree.structure(shape), flat)

    return primal


def has_own_rules(jaxpr: Any) -> bool:
    """Whether the jaxpr contains a derivative rule of the user's or a stop_gradient."""
    for eqn in jaxpr.eqns:
        inner = called(eqn)
        if inner is not None and name_in_jax(inner) is not None:
            continue
        if eqn.primitive.name == "stop_gradient" or _is_rule(eqn) or any(map(has_own_rules, inner_jaxprs(eqn))):
            return True
    return False


def _is_rule(eqn: Any) -> bool:
    return str(eqn.primitive.name).startswith(("custom_jvp_call", "custom_vjp_call"))


def _no_rules(_: Any) -> bool:
    return False


def _rules_of_jax(eqn: Any) -> bool:
    return _is_rule(eqn) and name_in_jax(called(eqn)) is not None


def _run(
    jaxpr: Any,
    consts: Any,
    arguments: Any,
    given_probes: Probes | None,
    where: str,
    is_kept: Callable[[Any], bool] = _no_rules,
) -> list[Any]:
    """Evaluate the jaxpr with the probes added to its named values. Without probes, every inner call is opened, except
    the equations that `is_kept` accepts."""
    probes = given_probes or {}
    used = dict.fromkeys(probes, 0)

    def take_probes(inner: Any) -> Probes:
        """The probes of an inner jaxpr's own values."""
        taken = {}
        for name, (times, *_) in _shapes(inner, where).items():
            taken[name] = probes[name][used[name] : used[name] + times]
            used[name] += times
        return taken

    def step(eqn: Any, given: list[Any]) -> Any:
        inner = called(eqn)
        if eqn.primitive.name == "name" and given_probes is not None:
            name = eqn.params["name"]
            results: Any = [given[0] + probes[name][used[name]].astype(given[0].dtype)]
            used[name] += 1
        elif eqn.primitive.name == "stop_gradient" and given_probes is None:
            results = given
        elif eqn.primitive.name == "cond" and given_probes is None:
            branches = [partial(_branch, *opened(b), where, is_kept) for b in eqn.params["branches"]]
            results = jax.lax.switch(given[0], branches, *given[1:])
        elif eqn.primitive.name == "scan" and (given_probes is None or _shapes(opened(eqn.params["jaxpr"])[0], where)):
            results = _scan(eqn, given, given_probes, used, where, is_kept)
        elif inner is not None and not is_kept(eqn) and (given_probes is None or _shapes(opened(inner)[0], where)):
            body, inner_consts = opened(inner)
            mine = None if given_probes is None else take_probes(body)
            results = _run(body, inner_consts, given[len(given) - len(body.invars) :], mine, where, is_kept)
        else:
            results = by_jax(jaxpr, eqn, given)
        return results

    return walk(jaxpr, consts, arguments, step)


def _branch(jaxpr: Any, consts: Any, where: str, is_kept: Callable[[Any], bool], *operands: Any) -> list[Any]:
    return _run(jaxpr, consts, operands, None, where, is_kept)


def _scan(
    eqn: Any,
    given: list[Any],
    probes: Probes | None,
    used: dict[str, int],
    where: str,
    is_kept: Callable[[Any], bool],
) -> list[Any]:
    """A scan with the probes of its body as further inputs of every step."""
    (body, body_consts), p = opened(eqn.params["jaxpr"]), eqn.params
    n_consts, n_carry = scan_counts(eqn)
    consts, carry, xs = given[:n_consts], given[n_consts : n_consts + n_carry], given[n_consts + n_carry :]
    each: Probes | None = None if probes is None else {}
    for name, (times, *shape) in _shapes(body, where).items() if probes is not None else ():
        assert each is not None
        assert probes is not None
        all_steps = times * p["length"]
        each[name] = probes[name][used[name] : used[name] + all_steps].reshape(p["length"], times, *shape)
        used[name] += all_steps

    def step(state: Any, now: Any) -> Any:
        x, mine = now
        out = _run(body, body_consts, [*consts, *state, *x], mine, where, is_kept)
        return out[:n_carry], out[n_carry:]

    state, ys = jax.lax.scan(step, carry, (xs, each), p["length"], p["reverse"], p["unroll"])
    return [*state, *ys]
