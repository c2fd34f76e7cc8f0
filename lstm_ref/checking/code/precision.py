"""Finds code that runs in float32 alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

import jax
import numpy as np

from lstm_ref.checking.function.user_function import UserFunction
from lstm_ref.checking.problem import Problem
from lstm_ref.errors import described


def in_its_precision(problem: Problem) -> Problem:
    """The problem, with a remark if its function runs in float32 alone: converted to float32 if JAX can trace it there
    and not in float64; with a function that casts to float32, if NumPy code of float32 arrays fails on float64 ones."""
    if problem.definition is not None:
        return problem
    error = problem.forward.why_untraceable
    with np.errstate(over="ignore"):
        low = jax.tree.map(lambda v: np.asarray(v).astype(np.float32), problem.inputs)
    stays = any(np.result_type(v) == np.float32 for v in jax.tree.leaves(problem.inputs))
    if stays and error is None:
        double = jax.tree.map(lambda v: np.asarray(v).astype(np.float64), problem.inputs)
        error = UserFunction(problem.function, double).why_untraceable
        return replace(problem, single=error is not None)
    if stays and error is not None and not problem.forward.is_torch and (why := _why_not_in_float64(problem)):
        note = f"the forward fails on float64 arrays ({why}), so every value of it is taken in float32"
        return replace(problem, function=_in_float32(problem.function), remarks=(*problem.remarks, note))
    if error is None or not error.is_type_error or not UserFunction(problem.function, low).is_traceable:
        return problem
    why = " ".join(error.text.split())[:300]
    note = f"JAX can trace the function only in float32, so it is judged in float32; in float64: {why}"
    return replace(problem, inputs=low, single=True, remarks=(*problem.remarks, note))


def _why_not_in_float64(problem: Problem) -> str:
    """The error that the function raises on float64 arrays, as where it writes its results into float32 buffers with
    `out=`; empty if it raises none."""
    try:
        problem.function(jax.tree.map(lambda v: np.array(v, np.float64), problem.inputs))
    except Exception as error:
        return described(error)
    return ""


def _in_float32(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @wraps(function)
    def call(inputs: Any) -> Any:
        return function(jax.tree.map(lambda v: np.asarray(v).astype(np.float32), inputs))

    return call
