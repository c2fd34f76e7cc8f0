"""What is wrong with a wrong gradient: the most precise answer first, and each only where it explains what was found.

1. A known cell (`checking.known_cell`): is the forward that cell, and which entry of the dictionary of mistakes gives
   the claim to all digits?
2. Any function (`checking.symptoms`): simple relations to the right gradient: a factor, a transpose, a block's place.
3. Where neither explains it: on which easier problems the claim is right (`checking.easier`), and which gates it is
   wrong in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic.dtypes import bits
from lstm_ref.checking.code.run import in_own_arithmetic
from lstm_ref.checking.diagnosis.easier import Check, when_right
from lstm_ref.checking.diagnosis.known_cell import known_cell
from lstm_ref.checking.diagnosis.symptoms import symptoms
from lstm_ref.checking.problem import Problem
from lstm_ref.checking.report import Conformance, Finding, NodeReport
from lstm_ref.errors import LstmRefError, defect, described, is_ours
from lstm_ref.leaves import paths

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
    why_not: str = ""
    """Why there is none, where one was asked for."""


def explain_claim(evidence: Evidence, check: Check) -> Diagnosis:
    """The diagnosis, or why there is none: the verdict stands without it."""
    try:
        return diagnose(evidence, check)
    except LstmRefError:
        raise
    except KeyboardInterrupt:
        return Diagnosis(why_not="interrupted")
    except Exception as error:  # of the user's own code, at inputs of ours; or a defect of ours, which is not hidden
        return Diagnosis(why_not=defect(error) if is_ours(error) else described(error))


def diagnose(evidence: Evidence, check: Check) -> Diagnosis:
    """The diagnosis of a claim; `check` is the check of another problem. Raises BadInput where a mapping does not fit.

    A search that fails takes nothing else with it: the report says which, and why.
    """
    problem = evidence.problem
    inputs = jax.tree.map(lambda v: np.array(v, dtype=np.float64), problem.inputs)
    outputs = paths(in_own_arithmetic(problem.function, inputs)(jax.tree.map(np.copy, inputs)))
    unit = 2.0 ** -min(bits(np.result_type(v)) for v in paths(problem.inputs).values())
    known = known_cell(problem, inputs, outputs, evidence.cotangents)
    conformance = None if known is None else known.conformance()
    adjoints = () if known is None else known.adjoints(unit)
    if not any(np.any(mask) for mask in evidence.wrong.values()):
        return Diagnosis((), conformance, adjoints)
    _, _, claimed, truth, wrong = evidence
    findings: list[Finding] = []
    if known is not None:
        findings += _found("the dictionary of mistakes", known.mistakes(claimed, truth, wrong, unit))
    findings += _found("simple relations", symptoms(problem, claimed, truth, wrong, outputs, unit))
    if not any(f.exact for f in findings):
        findings += [] if known is None else known.gates(wrong)
        findings += _found("easier problems", when_right(problem, wrong, check))
    return Diagnosis(tuple(findings), conformance, adjoints)


def _found(where: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings, up to an error: the code of the user, at inputs of ours, or a defect of ours, told either way."""
    try:
        yield from findings
    except Exception as error:
        why = defect(error) if is_ours(error) else described(error)
        yield Finding("not searched", f"the search in {where} ended early: {why}")
