"""Moves inputs at which the function has a kink: it has no gradient there, but has one nearby."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import numpy as np

from lstm_ref.checking.problem import Problem
from lstm_ref.oracles.estimate import scales

AT_KINK = (
    "the function has a kink exactly at these inputs (a relu, max or abs of equal numbers), where any slope between "
    "its one-sided slopes is valid: the check was made at inputs moved by about 1e-3 instead"
)


def moved_off_the_kink(problem: Problem, seed: int) -> Problem:
    """The problem at inputs close by. A function that has a kink there too has kinks everywhere."""
    rng = np.random.default_rng(seed)

    def moved(v: Any) -> Any:
        v = np.asarray(v)
        step = scales([v]).reshape(v.shape)
        return (v + 1e-3 * step * rng.standard_normal(v.shape)).astype(v.dtype)

    inputs = {k: v if k in problem.nodes else jax.tree.map(moved, v) for k, v in problem.inputs.items()}
    return replace(problem, inputs=inputs, moved=True)
