"""Evaluates the function and the claim at the problem's inputs: both in floats, the claim in balls too."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic.balls import Balls, as_balls
from lstm_ref.arithmetic.dtypes import bits
from lstm_ref.checking.code.as_written import AGAIN
from lstm_ref.checking.function.run import TOO_MANY_TO_TRY, eagerly
from lstm_ref.checking.function.user_function import UserFunction
from lstm_ref.checking.problem import Problem
from lstm_ref.errors import BadInput, CannotEvaluate, described
from lstm_ref.graph.lift import lift
from lstm_ref.leaves import paths
from lstm_ref.oracles.balls import comparison_precision

# Cotangents are ten times as large as the largest bound at which people usually clip (10). A gradient is linear in its
# cotangents, but one that is clipped on the way is not; small cotangents would not reveal that. In float16, whose
# largest number is 65504, sums of such cotangents would overflow.
COTANGENT_SCALE = 100.0


def cotangents_of(problem: Problem, seed: int) -> Any:
    """1 for a loss; otherwise random cotangents for every output (ones would hide terms that cancel in a sum)."""
    what = "loss" if problem.is_loss else "forward"
    pure, call = problem.forward.is_jax, problem.forward.run  # JAX code gives the same values at every call
    try:
        outputs = call(_for(pure, problem.inputs))
        again = outputs if pure else call(_for(pure, problem.inputs))
    except BadInput:
        raise
    except (Exception, SystemExit) as error:
        raise BadInput(f"{problem.name}: {what}(inputs) fails: {described(error)}") from error
    named, named_again = paths(outputs), paths(again)
    if not named:
        raise BadInput(f"{problem.name}: {what}(inputs) returns no array")
    for path, value in named.items():
        label = f"{what}(inputs)" + (f" output {path}" if path else "")
        if not np.issubdtype(value.dtype, np.floating) and value.dtype.name not in ("bfloat16",):
            raise BadInput(f"{problem.name}: {label} must be floating, got {value.dtype}")
        if not np.isfinite(value.astype(np.float64)).all():
            raise BadInput(f"{problem.name}: {label} is not finite on finite inputs")
        if not np.array_equal(value, named_again[path]):
            raise BadInput(f"{problem.name}: {label} changes from call to call: pass its random numbers as inputs")
    if problem.is_loss:
        if len(named) != 1 or next(iter(named.values())).shape != ():
            shapes = ", ".join(str(v.shape) for v in named.values())
            raise BadInput(
                f"{problem.name}: loss(inputs) must be one number, got shape {shapes} "
                "(for arrays define forward(inputs) and backward(inputs, cotangents))"
            )
        return jax.tree.map(lambda v: np.ones((), v.dtype), outputs)
    rng = np.random.default_rng(seed)

    def drawn(v: np.ndarray) -> np.ndarray:
        scale = COTANGENT_SCALE if bits(v.dtype) != bits(np.float16) else 1.0
        return (scale * rng.standard_normal(v.shape)).astype(v.dtype)

    return jax.tree.map(drawn, outputs)


@dataclass(frozen=True)
class Claim:
    """The gradients that the author's code gives, and the faults of the calls that gave them."""

    cotangents: Any
    floats: dict[str, np.ndarray]
    """The claimed gradients by path, in floats."""
    in_balls: InBalls
    faults: tuple[str, ...]


def evaluate_claim(
    problem: Problem, digits: int, seed: int, *, in_balls: bool, stateless: bool, say: Callable[[str], None]
) -> Claim:
    """The claim in floats and, if `in_balls`, in balls. Raises BadInput where the author's code fails."""
    cotangents = cotangents_of(problem, seed)
    floats = claim_in_floats(problem, cotangents, stateless)
    balls = InBalls(None, None)
    if in_balls:
        say("running the backward pass in balls")
        balls = claim_in_balls(problem, floats.values, cotangents, digits)
    return Claim(cotangents, floats.values, balls, floats.faults + faults_of_rule(problem))


class InFloats(NamedTuple):
    """The claimed gradients by path, and the faults of the calls that gave them."""

    values: dict[str, np.ndarray]
    faults: tuple[str, ...]


def claim_in_floats(problem: Problem, cotangents: Any, stateless: bool = False) -> InFloats:
    """The claim in floats, called twice on copies of the inputs to see whether the gradients stay the same.

    JAX code is called once eagerly and once jitted, because its author may do either; if it is `stateless`, only
    jitted.
    """
    what = "gradients(inputs)" if problem.is_loss else "backward(inputs, cotangents)"
    backward = problem.backward(cotangents)
    pure = backward.is_jax
    faults: list[str] = []
    known = paths(problem.inputs)

    def once(call: Callable[..., Any], copied: bool) -> dict[str, np.ndarray]:
        inputs, bars = _for(not copied, problem.inputs), _for(not copied, cotangents)
        try:
            result = call(inputs, bars)
        except BadInput:
            raise
        except (Exception, SystemExit) as error:
            raise BadInput(f"{problem.name}: {what} fails: {described(error)}") from error
        if not isinstance(result, dict):
            raise BadInput(
                f"{problem.name}: {what} must return a dict of gradients by input name, got {type(result).__name__}"
            )
        for path, value in _with_none(result).items():
            if value is None and path in known:
                raise BadInput(
                    f"{problem.name}: the gradient of {path} must be an array, got None (leave out inputs whose "
                    "gradient is not claimed)"
                )
        for path in _empty(result):
            if any(p == path or p.startswith(f"{path}.") for p in known):
                raise BadInput(
                    f"{problem.name}: the gradient of {path} is an empty list or tuple: an array is expected (leave "
                    "out inputs whose gradient is not claimed)"
                )
        given = (("input", problem.inputs, inputs), ("cotangent", cotangents, bars)) if copied else ()
        for owner, before, after in given:
            now = paths(after)
            for path, old in paths(before).items():
                if not np.array_equal(old, now[path], equal_nan=True):
                    fault = f"{what} writes into its argument: {owner} {path} is changed after the call"
                    if fault not in faults:
                        faults.append(fault)
        return paths(result)

    first = once(backward.run, not pure)
    second = first
    if not pure:
        second = once(backward.run, True)
    elif not stateless and sum(map(np.size, first.values())) <= TOO_MANY_TO_TRY:
        second = once(eagerly(problem.gradients), False)
    for path, value in first.items():
        if path not in known:
            owner = re.sub(r"(\.\d+)+$", "", path)
            if owner in known:
                shape = np.shape(known[owner])
                raise BadInput(
                    f"{problem.name}: the gradient of {owner} is a list or tuple: an array of shape {shape} is expected"
                )
            raise BadInput(f"{problem.name}: {what} returns {path!r}, which is no input ({', '.join(known)})")
        if value.shape != np.shape(known[path]):
            raise BadInput(
                f"{problem.name}: the gradient of {path} must have its shape {np.shape(known[path])}, got {value.shape}"
            )
        if not (np.issubdtype(value.dtype, np.number) or value.dtype.name == "bfloat16") or value.dtype.kind == "c":
            raise BadInput(f"{problem.name}: the gradient of {path} must be an array of floats, got {value.dtype}")
        again = second.get(path)
        if pure and not (alike(value, again) or alike(value, again, backward.bits)):
            faults.append(f"{what} gives different numbers for {path} under jax.jit than without it")
        if not pure and not np.array_equal(value, second[path], equal_nan=True):
            faults.append(f"{what} {AGAIN.format(path=path)}")
    if not first:
        raise BadInput(f"{problem.name}: {what} claims no gradient: it returns an empty dict")
    return InFloats({path: first[path] for path in known if path in first}, tuple(faults))


def _with_none(tree: Any) -> dict[str, Any]:
    """The leaves by path, including None, which JAX would take for an empty tree."""
    marked = jax.tree.map(lambda v: _NOTHING if v is None else v, tree, is_leaf=lambda v: v is None)
    return {path: None if v is _NOTHING else v for path, v in paths(marked).items()}


def _empty(tree: Any) -> list[str]:
    """The paths of empty lists and tuples, which have no leaves."""
    is_empty = lambda v: isinstance(v, list | tuple) and not v  # noqa: E731
    marked = jax.tree.map(lambda v: _NOTHING if is_empty(v) else v, tree, is_leaf=is_empty)
    return [path for path, v in paths(marked).items() if v is _NOTHING]


_NOTHING = object()


def alike(jitted: np.ndarray, eager: np.ndarray | None, least: int = 53) -> bool:
    """Whether jitted and eager results agree to half of the digits of their dtype, or of the `least` precise float in
    which they are computed, in bits. XLA may reorder operations, so they need not agree to all; a branch of the
    author's makes a larger difference. The oracles judge the last digits."""
    if eager is None or eager.shape != jitted.shape:
        return False
    a, b = np.asarray(jitted, np.float64), np.asarray(eager, np.float64)
    size = max(float(np.max(np.abs(v), initial=0.0, where=np.isfinite(v))) for v in (a, b))
    unit = 2.0 ** -min(bits(jitted.dtype), least) if jitted.dtype.kind not in "iub" else 0.0
    return bool(np.all((np.abs(a - b) <= unit**0.5 * size) | (~np.isfinite(a) & ~np.isfinite(b))))


def _for(pure: bool, tree: Any) -> Any:
    """The arguments for a call: copies, where the function could write into them."""
    return tree if pure else jax.tree.map(np.copy, tree)


def faults_of_rule(problem: Problem) -> tuple[str, ...]:
    """The outputs, in words, at which a derivative rule's own forward pass differs from the function."""
    if problem.rule_outputs is None:
        return ()
    plain, ruled = problem.forward.outputs(), UserFunction(problem.rule_outputs, problem.inputs).outputs()
    found = []
    for path, value in plain.items():
        if path not in ruled or not alike(value, ruled[path]):
            label = f"output {path}" if path else "its output"
            found.append(f"the rule's own forward pass and the function give different values: {label} differs")
    return tuple(found)


class InBalls(NamedTuple):
    """The claim as a function of balls, its value at the inputs, and why both are None where it cannot run on balls."""

    evaluate: Callable[..., Any] | None
    values: dict[str, Balls] | None
    why_not: str = ""


def claim_in_balls(problem: Problem, claimed: dict[str, np.ndarray], cotangents: Any, digits: int) -> InBalls:
    """Evaluate the claim in balls."""
    evaluate = lift(problem.gradients, problem.inputs, cotangents)

    def in_balls(inputs: Any, bars: Any) -> Any:
        return evaluate(*(jax.tree.map(lambda v: as_balls(v).copy(), tree) for tree in (inputs, bars)))

    try:
        with comparison_precision(digits):
            values = {path: as_balls(v) for path, v in paths(in_balls(problem.inputs, cotangents)).items()}
    except CannotEvaluate as error:
        return InBalls(None, None, f"{error}; lost: proof of the equations beyond 15 digits")
    if values.keys() != claimed.keys() or any(values[k].shape != claimed[k].shape for k in claimed):
        return InBalls(None, None, "the code behaves differently for numbers that are not floats")
    return InBalls(in_balls, values)
