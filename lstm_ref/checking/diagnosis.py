"""What is wrong with a wrong gradient: the most precise answer first, and each only where it explains what was found.

1. A known cell (`checking.known_cell`): is the forward that cell, and which entry of the dictionary of mistakes gives
   the claim to all digits?
2. Any function (`checking.symptoms`): simple relations to the right gradient: a factor, a transpose, a block's place.
3. Where neither explains it: on which easier problems the claim is right, and which gates it is wrong in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.checking.floor import bits
from lstm_ref.checking.known_cell import known_cell
from lstm_ref.checking.problem import Problem, in_own_arithmetic, paths
from lstm_ref.checking.report import Conformance, Finding, NodeReport
from lstm_ref.checking.symptoms import symptoms, when_right

Named = Mapping[str, np.ndarray]


class Evidence(NamedTuple):
    """What a check has found."""

    problem: Problem
    cotangents: Any
    claimed: Named
    truth: Named
    wrong: Named
    """Which elements are wrong, by path."""


class Diagnosis(NamedTuple):
    """What to add to the report."""

    findings: tuple[Finding, ...] = ()
    conformance: Conformance | None = None
    adjoints: tuple[NodeReport, ...] = ()
    """Of the adjoints that the author gave for a known cell, in forward order."""


def diagnose(evidence: Evidence, is_right: Callable[[Problem], bool]) -> Diagnosis:
    """The diagnosis of a claim; `is_right` checks another problem. Raises BadInput where a mapping does not fit."""
    problem = evidence.problem
    inputs = jax.tree.map(lambda v: np.array(v, dtype=np.float64), problem.inputs)
    outputs = paths(in_own_arithmetic(problem.function, inputs)(jax.tree.map(np.copy, inputs)))
    unit = 2.0 ** -min(bits(np.result_type(v)) for v in paths(problem.inputs).values())
    known = known_cell(problem, inputs, outputs, evidence.cotangents)
    conformance = None if known is None else known.conformance()
    adjoints = () if known is None else known.adjoints(unit)
    if not any(np.any(mask) for mask in evidence.wrong.values()):
        return Diagnosis((), conformance, adjoints)
    findings = [] if known is None else list(known.mistakes(evidence.claimed, unit))
    findings += symptoms(problem, evidence.claimed, evidence.truth, evidence.wrong, outputs, unit)
    if not any(f.exact for f in findings):
        findings += [] if known is None else known.gates(evidence.wrong)
        findings += when_right(problem, is_right)
    return Diagnosis(tuple(findings), conformance, adjoints)
