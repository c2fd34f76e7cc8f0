"""Inputs at which the function has a kink: there is no gradient there, and one beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import numpy as np

from lstm_ref.checking.problem import Problem
from lstm_ref.oracles.estimate import scales

AT_KINK = (
    "a kink of the function lies exactly at these inputs (a relu, max or abs of equal numbers), where any of its "
    "slopes may be taken: the check was made at inputs moved by about 1e-3 instead"
)


def moved_off_the_kink(problem: Problem, seed: int) -> Problem:
    """The problem at inputs close by; a function that is at a kink there again has kinks everywhere."""
    rng = np.random.default_rng(seed)

    def moved(v: Any) -> Any:
        v = np.asarray(v)
        step = scales([v]).reshape(v.shape)
        return (v + 1e-3 * step * rng.standard_normal(v.shape)).astype(v.dtype)

    inputs = {k: v if k in problem.nodes else jax.tree.map(moved, v) for k, v in problem.inputs.items()}
    return replace(problem, inputs=inputs, moved=True)
