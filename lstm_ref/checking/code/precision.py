"""Finds JAX code that runs in float32 alone."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np

from lstm_ref.checking.function.user_function import UserFunction
from lstm_ref.checking.problem import Problem


def in_its_precision(problem: Problem) -> Problem:
    """The problem, converted to float32 with a remark if JAX can trace its function in float32 but not in float64."""
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
    if error is None or not error.is_type_error or not UserFunction(problem.function, low).is_traceable:
        return problem
    why = " ".join(error.text.split())[:300]
    note = f"JAX can trace the function only in float32, so it is judged in float32; in float64: {why}"
    return replace(problem, inputs=low, single=True, remarks=(*problem.remarks, note))
