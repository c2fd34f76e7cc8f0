"""The check: a claimed gradient against every oracle that applies, in floats and in balls.

Two questions are kept apart. *Are the equations right?* The claim and the oracle are both evaluated in ball arithmetic
and must agree to all digits. *Are the numbers right?* What the code gave in floats must be as near to the truth as its
arithmetic allows (`checking.floor`).
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from lstm_ref.checking.asking import Answer, ask, ask_definition, asked, decisive_of, is_very_large, truth_of
from lstm_ref.checking.claim import claim_in_balls, claim_in_floats, cotangents_of
from lstm_ref.checking.diagnosis import Diagnosis, Evidence, diagnose
from lstm_ref.checking.floor import modelled, noise_floor
from lstm_ref.checking.judging import contradictions_in, judge
from lstm_ref.checking.localising import first_wrong_of, nodes_of, walk_back
from lstm_ref.checking.names import with_named_nodes
from lstm_ref.checking.problem import Problem, paths
from lstm_ref.checking.report import ESTIMATOR, EXACT, WRONG, Finding, InputReport, Report
from lstm_ref.errors import BadInput, CannotEvaluate, LstmRefError

AT_KINK = (
    "a kink of the function lies exactly at these inputs (a relu, max or abs of equal numbers), where any of its "
    "slopes may be taken: the check was made at inputs moved by about 1e-3 instead"
)


def check(
    problem: Problem,
    *,
    oracles: Iterable[str] | None = None,
    digits: int = 80,
    seed: int = 0,
    explain: bool = True,
) -> Report:
    """Ask every oracle (or those named) about every claimed gradient; of a wrong one, what is wrong unless told not to.

    Raises BadInput where that cannot be done.
    """
    started = time.perf_counter()
    if digits < 20:
        raise BadInput(f"digits must be at least 20, got {digits}: below that balls see less than floats do")
    problem = with_named_nodes(problem)
    names, skipped = asked(problem, oracles)
    notes: list[str] = []
    cotangents = cotangents_of(problem, seed)
    claimed = claim_in_floats(problem, cotangents, notes)
    calls = tuple(notes)
    trusted = not calls  # a claim that changes its arguments, or from call to call, is no gradient
    unchecked = tuple(
        k
        for k in problem.inputs
        if k not in problem.nodes and not any(path == k or path.startswith(f"{k}.") for path in claimed)
    )
    lifted, claimed_balls = None, None
    if not is_very_large(problem):
        lifted, claimed_balls = claim_in_balls(problem, claimed, cotangents, digits, skipped)
    floor = noise_floor(problem, lifted, claimed, cotangents, in_balls=not is_very_large(problem))
    oracle_floor = modelled(problem, claimed, cotangents, of_oracle=True)

    answers: dict[str, Answer] = {}
    if problem.definition is None:
        for name in names:
            try:
                answers[name] = ask(name, problem, cotangents, digits, seed, list(claimed))
            except CannotEvaluate as error:
                skipped.append((name, str(error)))
    else:
        answers = ask_definition(problem, cotangents, digits, skipped)
    if not answers:
        raise BadInput(
            f"{problem.name}: no oracle could be asked: " + "; ".join(f"{name}: {why}" for name, why in skipped)
        )
    decisive = decisive_of(answers)
    reports, wrong_masks = [], {}
    for path, value in claimed.items():
        report, mask = judge(
            path, value, claimed_balls, floor.by_input[path], oracle_floor[path], answers, decisive, digits
        )
        reports.append(report)
        wrong_masks[path] = mask
    notes += contradictions_in(reports)
    first, inherited = walk_back(problem, wrong_masks)
    right = trusted and all(r.right for r in reports)
    if trusted and not right and not problem.moved and any(a.at_kink for a in answers.values()):
        beside = check(_moved_off_the_kink(problem, seed), oracles=oracles, digits=digits, seed=seed)
        return replace(beside, notes=(*beside.notes, AT_KINK))
    truth = truth_of(answers, decisive)
    diagnosis = Diagnosis()
    if explain and truth is None and not right:
        skipped.append(
            ("diagnosis", "no oracle saw every element: check a problem of at most 1000 to have it explained")
        )
    if explain and truth is not None and problem.estimator is None and (not right or problem.cell is not None):
        evidence = Evidence(problem, cotangents, claimed, truth, wrong_masks)
        try:
            diagnosis = diagnose(evidence, lambda other: _checked(other, decisive, seed))
        except LstmRefError:
            raise
        except Exception as error:  # the user's own code, at inputs of ours: the verdict stands without it
            skipped.append(("diagnosis", f"{type(error).__name__}: {error}"))
    if diagnosis.adjoints:
        first, inherited = first_wrong_of(diagnosis.adjoints, problem.reverse_time)
    return Report(
        name=problem.name,
        verdict=WRONG if not right else EXACT if problem.estimator is None else ESTIMATOR,
        inputs=tuple(reports),
        estimator=problem.estimator,
        first_wrong=first,
        inherited=inherited,
        unchecked=unchecked,
        skipped=tuple(skipped),
        notes=tuple(notes),
        floor=floor.how,
        seed=seed,
        digits=digits,
        seconds=time.perf_counter() - started,
        environment=environment(),
        nodes=diagnosis.adjoints or nodes_of(problem, claimed, truth, wrong_masks),
        findings=(*(Finding("call", note, exact=True) for note in calls), *diagnosis.findings),
        conformance=diagnosis.conformance,
        undecided=_undecided(problem, reports),
    )


def _undecided(problem: Problem, reports: list[InputReport]) -> tuple[str, ...]:
    """What this problem cannot decide, whatever the claim."""
    zero = [p for p, v in paths(problem.inputs).items() if p.split(".")[0] not in problem.nodes and not np.any(v)]
    found = [f"{p} is zero throughout, so a term that is multiplied by it cannot be seen" for p in zero]
    few = [
        f"{r.name}: {r.zeros} of {r.elements} elements have no gradient here, so a term missing there may be zero"
        for r in reports
        if r.zeros and r.right and r.name.split(".")[0] not in problem.nodes
    ]
    return (*found, *few)


def _checked(problem: Problem, decisive: set[str], seed: int) -> Report:
    """The report on another problem, by the oracles that decided this one, at the least digits."""
    return check(problem, oracles=sorted(decisive), digits=20, seed=seed, explain=False)


def _moved_off_the_kink(problem: Problem, seed: int) -> Problem:
    """The problem at inputs close by; a function that is at a kink there again has kinks everywhere."""
    rng = np.random.default_rng(seed)

    def moved(v: Any) -> Any:
        v = np.asarray(v)
        return (v + 1e-3 * (1 + np.abs(v)) * rng.standard_normal(v.shape)).astype(v.dtype)

    inputs = {k: v if k in problem.nodes else jax.tree.map(moved, v) for k, v in problem.inputs.items()}
    return replace(problem, inputs=inputs, moved=True)


@cache
def environment() -> dict[str, str]:
    """Versions of what computed the report."""
    packages = {name: version(name) for name in ("lstm_ref", "jax", "numpy", "python-flint")}
    return {"python": platform.python_version(), "machine": platform.machine(), **packages}
