"""Finds the cause of a wrong gradient. The most precise answer comes first; each answer must explain the values found.

1. A known cell (`checking.known_cell`): is the forward that cell, and which entry of the dictionary of mistakes gives
   the claim to all digits?
2. Any function (`checking.symptoms`): is the claim a simple transform of the right gradient, such as a factor, a
   transpose, or blocks in another order?
3. If neither explains it: where the claim agrees to some digits, does the forward end an iteration by its values
   (`checking.iteration`)? On which easier problems is the claim right (`checking.easier`), and in which gates is it
   wrong?
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic.dtypes import bits
from lstm_ref.checking.diagnosis.easier import Check, when_right
from lstm_ref.checking.diagnosis.iteration import stopped_iteration
from lstm_ref.checking.diagnosis.known_cell import known_cell
from lstm_ref.checking.diagnosis.on_graph import mistakes_on_graph
from lstm_ref.checking.diagnosis.symptoms import symptoms
from lstm_ref.checking.function.user_function import UserFunction
from lstm_ref.checking.problem import Problem
from lstm_ref.checking.report import Conformance, Finding, NodeReport
from lstm_ref.errors import LstmRefError, defect, described, is_defect
from lstm_ref.leaves import NamedArrays, paths


class Evidence(NamedTuple):
    """What the check found, as input of the diagnosis."""

    problem: Problem
    cotangents: Any
    claimed: NamedArrays
    truth: NamedArrays
    wrong: NamedArrays
    """By path, the mask of wrong elements."""


class Diagnosis(NamedTuple):
    """The diagnosis, to be added to the report."""

    findings: tuple[Finding, ...] = ()
    conformance: Conformance | None = None
    adjoints: tuple[NodeReport, ...] = ()
    """Reports on the adjoints that the author gave for a known cell, in forward order."""
    why_not: str = ""
    """Why a requested diagnosis could not be made."""


def explain_claim(evidence: Evidence, check: Check) -> Diagnosis:
    """The diagnosis, or the reason why it failed; the verdict stands without it."""
    try:
        return diagnose(evidence, check)
    except LstmRefError:
        raise
    except KeyboardInterrupt:
        return Diagnosis(why_not="interrupted")
    # from the user's code at inputs that we chose; or a defect of this package, which is reported
    except Exception as error:
        return Diagnosis(why_not=defect(error) if is_defect(error) else described(error))


def diagnose(evidence: Evidence, check: Check) -> Diagnosis:
    """The diagnosis of a claim; `check` checks another problem. Raises BadInput if a mapping does not fit.

    If one search fails, the others continue, and the report says which search failed and why.
    """
    problem = evidence.problem
    inputs = jax.tree.map(lambda v: np.array(v, dtype=np.float64), problem.inputs)
    outputs = UserFunction(problem.function, inputs).outputs()
    unit = 2.0 ** -min(bits(np.result_type(v)) for v in paths(problem.inputs).values())
    known = known_cell(problem, inputs, outputs, evidence.cotangents)
    conformance = None if known is None else known.conformance()
    adjoints = () if known is None else known.adjoints(unit)
    if not any(np.any(mask) for mask in evidence.wrong.values()):
        return Diagnosis((), conformance, adjoints)
    _, _, claimed, truth, wrong = evidence
    findings: list[Finding] = []
    if known is not None:
        findings += _until_error("the dictionary of mistakes", known.mistakes(claimed, truth, wrong, unit))
    findings += _until_error("simple relations", symptoms(problem, claimed, truth, wrong, outputs, unit))
    if not any(f.exact for f in findings):
        on_graph = mistakes_on_graph(problem, inputs, evidence.cotangents, claimed, wrong)
        findings += _until_error("the graph of the forward", on_graph)
    if not any(f.exact or f.kind == "mistake" for f in findings):
        stopped = stopped_iteration(problem, inputs, claimed, truth, wrong)
        findings[:0] = _until_error("the loops of the forward", stopped)  # before lines that all look to blame
    if not any(f.exact for f in findings):
        findings += [] if known is None else known.gates(wrong)
        findings += _until_error("easier problems", when_right(problem, wrong, check))
    findings.sort(key=lambda f: not f.exact)  # what explains the claim comes before what only hints at it
    return Diagnosis(tuple(findings), conformance, adjoints)


def _until_error(where: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings up to an error, then a finding that reports the error, whether it came from the user's code or from
    ours."""
    try:
        yield from findings
    except Exception as error:
        why = defect(error) if is_defect(error) else described(error)
        yield Finding("not searched", f"the search in {where} ended early: {why}")
