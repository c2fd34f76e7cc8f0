"""The function and the claim, evaluated at the problem's inputs: in their own arithmetic, and the claim in balls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from lstm_ref.arithmetic.balls import Balls, as_balls, precision
from lstm_ref.arithmetic.lift import lift
from lstm_ref.checking.floor import bits
from lstm_ref.checking.problem import Problem, as_it_runs, is_jax, paths
from lstm_ref.errors import BadInput, CannotEvaluate
from lstm_ref.oracles.balls import GUARD_DIGITS

# Cotangents are drawn an order above the largest bound at which people clip (10): a gradient is linear in them, but one
# that is clipped on its way is not, and would pass unseen with small ones. In float16, whose largest number is 65504,
# sums of them would overflow.
COTANGENT_SCALE = 100.0


def cotangents_of(problem: Problem, seed: int) -> Any:
    """1 for a loss; else every output gets its own random cotangent (ones would hide whatever cancels in a sum)."""
    what = "loss" if problem.is_loss else "forward"
    pure = is_jax(problem.function, problem.inputs)  # JAX code gives the same again
    call = as_it_runs(problem.function, pure)
    try:
        outputs = call(_for(pure, problem.inputs))
        again = outputs if pure else call(_for(pure, problem.inputs))
    except BadInput:
        raise
    except (Exception, SystemExit) as error:
        raise BadInput(f"{problem.name}: {what}(inputs) fails: {type(error).__name__}: {_first_line(error)}") from error
    named = paths(outputs)
    if not named:
        raise BadInput(f"{problem.name}: {what}(inputs) returns no array")
    for path, value in named.items():
        label = f"{what}(inputs)" + (f" output {path}" if path else "")
        if not np.issubdtype(value.dtype, np.floating) and value.dtype.name not in ("bfloat16",):
            raise BadInput(f"{problem.name}: {label} must be floating, got {value.dtype}")
        if not np.isfinite(value.astype(np.float64)).all():
            raise BadInput(f"{problem.name}: {label} is not finite on finite inputs")
        if not np.array_equal(value, paths(again)[path]):
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


def claim_in_floats(problem: Problem, cotangents: Any, notes: list[str]) -> dict[str, np.ndarray]:
    """The claimed gradients by path, called twice on copies: whether they stay the same is part of the claim."""
    what = "gradients(inputs)" if problem.is_loss else "backward(inputs, cotangents)"
    pure = is_jax(problem.gradients, problem.inputs, cotangents)
    call = as_it_runs(problem.gradients, pure)

    def once() -> dict[str, np.ndarray]:
        inputs, bars = _for(pure, problem.inputs), _for(pure, cotangents)
        try:
            result = call(inputs, bars)
        except BadInput:
            raise
        except (Exception, SystemExit) as error:
            raise BadInput(f"{problem.name}: {what} fails: {type(error).__name__}: {_first_line(error)}") from error
        if not isinstance(result, dict):
            raise BadInput(
                f"{problem.name}: {what} must return a dict of gradients by input name, got {type(result).__name__}"
            )
        given = () if pure else (("input", problem.inputs, inputs), ("cotangent", cotangents, bars))
        for owner, before, after in given:
            for path, old in paths(before).items():
                if not np.array_equal(old, paths(after)[path], equal_nan=True):
                    note = f"{what} writes into its argument: {owner} {path} is changed after the call"
                    if note not in notes:
                        notes.append(note)
        return paths(result)

    first = once()
    second = first if pure else once()
    known = paths(problem.inputs)
    for path, value in first.items():
        if path not in known:
            raise BadInput(f"{problem.name}: {what} returns {path!r}, which is no input ({', '.join(known)})")
        if value.shape != np.shape(known[path]):
            raise BadInput(
                f"{problem.name}: the gradient of {path} must have its shape {np.shape(known[path])}, got {value.shape}"
            )
        if not (np.issubdtype(value.dtype, np.number) or value.dtype.name == "bfloat16") or value.dtype.kind == "c":
            raise BadInput(f"{problem.name}: the gradient of {path} must be an array of floats, got {value.dtype}")
        if not np.array_equal(value, second[path], equal_nan=True):
            notes.append(f"{what} gives other numbers for {path} when called again: state is left from the last call")
    if not first:
        raise BadInput(f"{problem.name}: {what} claims no gradient: it returns an empty dict")
    return {path: first[path] for path in known if path in first}


def _for(pure: bool, tree: Any) -> Any:
    """What a function is called with: copies, where it could write into them."""
    return tree if pure else jax.tree.map(np.copy, tree)


def claim_in_balls(
    problem: Problem, claimed: dict[str, np.ndarray], cotangents: Any, digits: int, skipped: list[tuple[str, str]]
) -> tuple[Callable[..., Any] | None, dict[str, Balls] | None]:
    """The claim as a function of balls, and its value at the inputs; None where it does not run on balls."""
    evaluate = lift(problem.gradients, problem.inputs, cotangents)

    def in_balls(inputs: Any, bars: Any) -> Any:
        return evaluate(*(jax.tree.map(lambda v: as_balls(v).copy(), tree) for tree in (inputs, bars)))

    try:
        with precision(3 * digits // 2 + GUARD_DIGITS):
            values = {path: as_balls(v) for path, v in paths(in_balls(problem.inputs, cotangents)).items()}
    except CannotEvaluate as error:
        skipped.append(("claim in balls", f"{error}; lost: proof of the equations beyond 15 digits"))
        return None, None
    if values.keys() != claimed.keys() or any(values[k].shape != claimed[k].shape for k in claimed):
        skipped.append(("claim in balls", "the code takes another path for numbers that are not floats"))
        return None, None
    return in_balls, values


def _first_line(error: BaseException) -> str:
    return (str(error).strip().split("\n") or [""])[0][:200]
