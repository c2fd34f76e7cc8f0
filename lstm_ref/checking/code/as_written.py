"""Runs the author's code before JAX traces it, to see whether it gives the same numbers at every call."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.arithmetic.x64 import x64
from lstm_ref.checking.problem import Problem
from lstm_ref.leaves import paths

AGAIN = "gives different numbers for {path} when called again: state remains from the previous call"


def faults_as_written(problem: Problem, seed: int) -> tuple[str, ...]:
    """The faults of the author's code as written, found before JAX traces any of it.

    The code runs first at inputs near the problem's, as it would for the next batch, so that a tape that is never
    renewed shows. Then it runs twice at the problem's inputs. Code that fails here will fail again later, where the
    failure is reported.
    """
    rng = np.random.default_rng(seed)
    beside = jax.tree.map(
        lambda v: np.asarray(v * (1 + 0.05 * rng.standard_normal(np.shape(v))), v.dtype), _arrays(problem)
    )
    # NumPy arrays: JAX code takes them too, unless it needs methods of JAX arrays.
    for given in (np.array, jnp.asarray):
        try:
            with x64(), warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                call = _as_written(problem, given, np.random.default_rng(seed))
                with suppress(Exception, SystemExit):
                    call(beside)
                (outputs, first), (again, second) = call(_arrays(problem)), call(_arrays(problem))
        except (Exception, SystemExit):
            continue
        if not all(np.array_equal(outputs[path], again.get(path), equal_nan=True) for path in outputs):
            return ()  # the forward draws random numbers; that is reported elsewhere
        what = "gradients(inputs)" if problem.is_loss else "backward(inputs, cotangents)"
        return tuple(
            f"{what} {AGAIN.format(path=path)}"
            for path, value in first.items()
            if path in second and not np.array_equal(value, second[path], equal_nan=True)
        )
    return ()


def _arrays(problem: Problem) -> Any:
    return jax.tree.map(np.asarray, problem.inputs)


def _as_written(problem: Problem, given: Callable[[Any], Any], rng: np.random.Generator) -> Callable[[Any], Any]:
    """A function from inputs to the outputs and the claim, both by path, with the same cotangents at each call."""
    bars: list[Any] = []

    def call(inputs: Any) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        outputs = problem.function(jax.tree.map(given, inputs))
        if not bars:
            bars.append(
                jax.tree.map(lambda v: np.asarray(rng.standard_normal(np.shape(v)), np.result_type(v)), outputs)
            )
        found = problem.gradients(jax.tree.map(given, inputs), jax.tree.map(given, bars[0]))
        return _copy_leaves(outputs), _copy_leaves(found)

    return call


def _copy_leaves(tree: Any) -> dict[str, np.ndarray]:
    return {path: np.array(v) for path, v in paths(tree).items()}
