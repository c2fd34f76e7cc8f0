"""Runs JAX code again from its jaxpr: with zeros added to its named values, or without the user's derivative rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.extend.source_info_util

from lstm_ref.arithmetic.walk import by_jax, called, inner_jaxprs, name_in_jax, opened, scan_counts, walk, with_lines
from lstm_ref.errors import BadInput

Probes = dict[str, Any]
"""By name, zeros of shape (n, ...), where n is how often the value is computed, in order of computation."""


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


def shapes_of_named(jaxpr: Any, where: str) -> dict[str, tuple[int, ...]]:
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
        closed = with_lines(closed)  # what is opened here would lose the line of its call
        kept = _rules_of_jax if but_jaxs_own else _no_rules
        flat = run_again(closed.jaxpr, closed.consts, jax.tree.leaves(arguments), None, "", kept)
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


def run_again(
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
        for name, (times, *_) in shapes_of_named(inner, where).items():
            taken[name] = probes[name][used[name] : used[name] + times]
            used[name] += times
        return taken

    def names_values(inner: Any) -> bool:
        return bool(shapes_of_named(inner, where))

    def step(eqn: Any, given: list[Any]) -> Any:
        """The results of an equation; what is made of it anew has its line."""
        names = jax.extend.source_info_util.current_name_stack()
        with jax.extend.source_info_util.user_context(eqn.source_info.traceback, name_stack=names):
            return again(eqn, given)

    def again(eqn: Any, given: list[Any]) -> Any:
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
        elif eqn.primitive.name == "scan" and (given_probes is None or names_values(opened(eqn.params["jaxpr"])[0])):
            results = _scan(eqn, given, given_probes, used, where, is_kept)
        elif inner is not None and not is_kept(eqn) and (given_probes is None or names_values(opened(inner)[0])):
            body, inner_consts = opened(inner)
            mine = None if given_probes is None else take_probes(body)
            results = run_again(body, inner_consts, given[len(given) - len(body.invars) :], mine, where, is_kept)
        else:
            results = by_jax(jaxpr, eqn, given)
        return results

    return walk(jaxpr, consts, arguments, step)


def _branch(jaxpr: Any, consts: Any, where: str, is_kept: Callable[[Any], bool], *operands: Any) -> list[Any]:
    return run_again(jaxpr, consts, operands, None, where, is_kept)


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
    for name, (times, *shape) in shapes_of_named(body, where).items() if probes is not None else ():
        assert each is not None
        assert probes is not None
        all_steps = times * p["length"]
        each[name] = probes[name][used[name] : used[name] + all_steps].reshape(p["length"], times, *shape)
        used[name] += all_steps

    def step(state: Any, now: Any) -> Any:
        x, mine = now
        out = run_again(body, body_consts, [*consts, *state, *x], mine, where, is_kept)
        return out[:n_carry], out[n_carry:]

    state, ys = jax.lax.scan(step, carry, (xs, each), p["length"], p["reverse"], p["unroll"])
    return [*state, *ys]
