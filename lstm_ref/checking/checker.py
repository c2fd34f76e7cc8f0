"""The check: a claimed gradient against every oracle that applies, in floats and in balls.

Two questions are kept apart. *Are the equations right?* The claim and the oracle are both evaluated in ball arithmetic
and must agree to all digits. *Are the numbers right?* What the code gave in floats must be as near to the truth as its
arithmetic allows (`checking.floor`).
"""

from __future__ import annotations

import gc
import math
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from lstm_ref.checking.claim.evaluate import (
    InBalls,
    alike,
    claim_in_balls,
    claim_in_floats,
    cotangents_of,
    described,
    faults_as_written,
)
from lstm_ref.checking.code.named_values import with_named_nodes
from lstm_ref.checking.code.precision import bits_inside, says_inside
from lstm_ref.checking.code.run import in_own_arithmetic
from lstm_ref.checking.diagnosis.diagnose import Diagnosis, Evidence, diagnose
from lstm_ref.checking.diagnosis.first_wrong import first_wrong_of, nodes_of, walk_back
from lstm_ref.checking.problem import Problem
from lstm_ref.checking.report import ESTIMATOR, EXACT, UNDECIDED, WRONG, Finding, InputReport, Report
from lstm_ref.checking.truth.answers import MANY_ELEMENTS, ask_all, decisive_of, is_very_large, truth_of
from lstm_ref.checking.verdict.allowances import Setting, Verdicts, judge_with_allowances
from lstm_ref.checking.verdict.floor import least_bits, noise_floor
from lstm_ref.checking.verdict.judgement import Claimed, contradictions_in
from lstm_ref.errors import BadInput, LstmRefError
from lstm_ref.leaves import paths
from lstm_ref.oracles.estimate import MANY_LEAVES, scales, why_untraceable

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
    progress: Callable[[str], None] | None = None,
    stateless: bool = False,
) -> Report:
    """Ask every oracle (or those named) about every claimed gradient; of a wrong one, what is wrong unless told not to.

    `progress` is called with a sentence at every stage. Code that is known to be `stateless` is not run as it stands
    before anything is traced, which would show what it keeps from call to call. Raises BadInput where the check cannot
    be made.
    """
    with _few_collections() if len(jax.tree.leaves(problem.inputs)) > MANY_LEAVES else nullcontext():
        return _check(problem, oracles, digits, seed, explain, progress, stateless)


@contextmanager
def _few_collections() -> Iterator[None]:
    """A trace of many inputs is millions of objects that all stay: to look for garbage among them, again and again,
    takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _check(
    problem: Problem,
    oracles: Iterable[str] | None,
    digits: int,
    seed: int,
    explain: bool,
    progress: Callable[[str], None] | None,
    stateless: bool,
) -> Report:
    started, say = time.perf_counter(), progress or (lambda _: None)
    if digits < 20:
        raise BadInput(f"digits must be at least 20, got {digits}: below that balls see less than floats do")
    say("running the forward and the backward pass")
    kept = () if stateless or is_very_large(problem, traced=False) else faults_as_written(problem, seed)
    if kept:
        return _unusable(problem, kept, seed, digits, started)
    problem, notes = in_its_precision(problem)
    problem = with_named_nodes(problem)
    cotangents = cotangents_of(problem, seed)
    floats = claim_in_floats(problem, cotangents, stateless)
    claimed, faults = floats.values, floats.faults + faults_of_rule(problem)
    in_balls = InBalls(None, None)
    if not is_very_large(problem):
        say("running the backward pass in balls")
        in_balls = claim_in_balls(problem, claimed, cotangents, digits)
    floors = noise_floor(problem, in_balls.evaluate, claimed, cotangents, in_balls=not is_very_large(problem))
    say(f"asking the oracles about {sum(v.size for v in claimed.values())} elements")
    answers, skipped = ask_all(problem, cotangents, list(claimed), oracles, digits, seed)
    if in_balls.why_not:
        skipped = (("claim in balls", in_balls.why_not), *skipped)
    decisive = decisive_of(answers)
    setting = Setting(problem, cotangents, Claimed(claimed, in_balls.values), answers, decisive, digits, seed)
    verdicts = judge_with_allowances(setting, floors, excusing=not faults)
    reports = [verdicts.by_input[path].report for path in claimed]
    wrong = {path: verdicts.by_input[path].wrong for path in claimed}
    verdict = _verdict(problem, reports, bool(faults))
    # Balls see every comparison of equal numbers; differences may take a bend for a kink.
    at_kink = any(a.at_kink for name, a in answers.items() if name == "balls" or "balls" not in decisive)
    if not faults and verdict in (WRONG, UNDECIDED) and not problem.moved and at_kink:
        say("a kink lies at these inputs: the check is made again beside it")
        moved = _moved_off_the_kink(problem, seed)
        beside = check(moved, oracles=oracles, digits=digits, seed=seed, explain=explain, progress=progress)
        return replace(beside, notes=(*beside.notes, AT_KINK))
    if verdict == WRONG and problem.other_convention is not None:
        conjugate = check(problem.other_convention, oracles=oracles, digits=digits, seed=seed, explain=False)
        if conjugate.right:
            return conjugate
    truth, diagnosis = truth_of(answers, decisive), Diagnosis()
    evidence = None if truth is None else Evidence(problem, cotangents, claimed, truth, wrong)
    if explain and truth is None and verdict == WRONG:
        why = f"no oracle saw every element: check a problem of at most {MANY_ELEMENTS} to have it explained"
        skipped = (*skipped, ("diagnosis", why))
    if explain and evidence is not None and problem.estimator is None and (verdict == WRONG or problem.cell):
        if verdict == WRONG:
            say(f"verdict: {verdict}; looking for the cause …")
        diagnosis, why = _diagnosed(evidence, decisive, seed)
        skipped = (*skipped, *([("diagnosis", why)] if why else []))
    if diagnosis.adjoints:
        first, inherited = first_wrong_of(diagnosis.adjoints, problem.reverse_time)
    else:
        first, inherited = walk_back(problem, wrong)
    return Report(
        name=problem.name,
        verdict=verdict,
        inputs=tuple(reports),
        estimator=problem.estimator,
        first_wrong=first,
        inherited=inherited,
        unchecked=tuple(path for path in paths(problem.inputs) if path not in claimed),
        skipped=skipped,
        notes=(
            *problem.remarks,
            *notes,
            *verdicts.remarks,
            *_on_constants(reports),
            *_on_precision(problem, decisive, verdicts),
            *contradictions_in(reports),
            *faults,
        ),
        floor=verdicts.floor,
        seed=seed,
        digits=digits,
        seconds=time.perf_counter() - started,
        environment=environment(),
        nodes=diagnosis.adjoints or nodes_of(problem, claimed, truth, wrong),
        findings=(*(Finding("call", fault, exact=True) for fault in faults), *diagnosis.findings),
        conformance=diagnosis.conformance,
        undecided=(*_blind(reports), *_undecided(problem, reports)),
    )


def _unusable(problem: Problem, faults: tuple[str, ...], seed: int, digits: int, started: float) -> Report:
    """Of code that gives other numbers at every call: which of them is a gradient cannot be asked."""
    return Report(
        name=problem.name,
        verdict=WRONG,
        inputs=(),
        estimator=problem.estimator,
        first_wrong=None,
        inherited=(),
        unchecked=tuple(paths(problem.inputs)),
        skipped=(),
        notes=faults,
        floor="not needed",
        seed=seed,
        digits=digits,
        seconds=time.perf_counter() - started,
        environment=environment(),
        findings=tuple(Finding("call", fault, exact=True) for fault in faults),
    )


def _verdict(problem: Problem, reports: list[InputReport], has_faults: bool) -> str:
    """A claim that changes its arguments, or from call to call, is no gradient; one of no elements says nothing."""
    if has_faults or any(not r.right and not r.undecided for r in reports):
        return WRONG
    if any(r.undecided for r in reports) or not any(r.elements for r in reports):
        return UNDECIDED
    return EXACT if problem.estimator is None else ESTIMATOR


def _diagnosed(evidence: Evidence, decisive: set[str], seed: int) -> tuple[Diagnosis, str]:
    """The diagnosis, or why there is none: the verdict stands without it."""
    try:
        return diagnose(evidence, lambda other: _checked(other, decisive, seed)), ""
    except LstmRefError:
        raise
    except KeyboardInterrupt:
        return Diagnosis(), "interrupted"
    except Exception as error:  # the user's own code, at inputs of ours
        return Diagnosis(), described(error)


def in_its_precision(problem: Problem) -> tuple[Problem, tuple[str, ...]]:
    """The problem, in float32 where JAX can trace its function so and not in float64; and a sentence that says so."""
    if problem.definition is not None:
        return problem, ()
    error = why_untraceable(problem.function, problem.inputs)
    with np.errstate(over="ignore"):
        low = jax.tree.map(lambda v: np.asarray(v).astype(np.float32), problem.inputs)
    stays = any(np.result_type(v) == np.float32 for v in jax.tree.leaves(problem.inputs))
    if stays and error is None:
        double = jax.tree.map(lambda v: np.asarray(v).astype(np.float64), problem.inputs)
        error = why_untraceable(problem.function, double)
        return replace(problem, single=error is not None), ()
    if error is None or not error.is_type_error or why_untraceable(problem.function, low) is not None:
        return problem, ()
    why = " ".join(error.text.split())[:300]
    note = f"JAX can trace the function in float32 alone, and it is judged in float32; in float64: {why}"
    return replace(problem, inputs=low, single=True), (note,)


def faults_of_rule(problem: Problem) -> tuple[str, ...]:
    """Where a derivative rule's own forward pass gives other values than the function it is the derivative of."""
    if problem.rule_outputs is None:
        return ()
    plain, ruled = (
        paths(in_own_arithmetic(f, problem.inputs)(jax.tree.map(np.copy, problem.inputs)))
        for f in (problem.function, problem.rule_outputs)
    )
    found = []
    for path, value in plain.items():
        if path not in ruled or not alike(value, ruled[path]):
            label = f"output {path}" if path else "its output"
            found.append(f"the rule's own forward pass gives another value than the function: {label} differs")
    return tuple(found)


def _on_constants(reports: list[InputReport]) -> tuple[str, ...]:
    names = [r.name for r in reports if r.constants is not None]
    if not names:
        return ()
    least = min(r.constants for r in reports if r.constants is not None)
    return (
        f"right but for the rounding of constants, to {least:.0f} digits: {', '.join(names)}. Two floats in the code "
        "stand for one real number (such as 2/3 and a division by 3) and differ in their last bit, so no more digits "
        "can agree",
    )


def _on_precision(problem: Problem, decisive: set[str], verdicts: Verdicts) -> tuple[str, ...]:
    """Where values alone decide and are less precise than their dtype: what the digits are limited by."""
    if "differences" not in decisive or verdicts.remarks:
        return ()
    inside = bits_inside(problem.function, problem.inputs)
    return (says_inside("forward", problem.function, inside),) if inside < least_bits(problem) else ()


def _blind(reports: list[InputReport]) -> tuple[str, ...]:
    """Of inputs that could not be decided: why, and what would decide them."""
    if not any(r.elements for r in reports):
        return ("there is no element to compare: check a problem whose arrays are not empty",)
    return tuple(
        f"{r.name}: what must be allowed for rounding ({_allowed(r):.1g}) leaves no digit of the gradient to compare; "
        "scaled inputs or a scaled loss, a smaller problem, fewer steps or a more precise dtype would decide it"
        for r in reports
        if r.undecided
    )


def _allowed(report: InputReport) -> float:
    return max((o.allowed for o in report.oracles if o.decides), default=math.inf)


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
    return check(problem, oracles=sorted(decisive), digits=20, seed=seed, explain=False, stateless=True)


def _moved_off_the_kink(problem: Problem, seed: int) -> Problem:
    """The problem at inputs close by; a function that is at a kink there again has kinks everywhere."""
    rng = np.random.default_rng(seed)

    def moved(v: Any) -> Any:
        v = np.asarray(v)
        step = scales([v]).reshape(v.shape)
        return (v + 1e-3 * step * rng.standard_normal(v.shape)).astype(v.dtype)

    inputs = {k: v if k in problem.nodes else jax.tree.map(moved, v) for k, v in problem.inputs.items()}
    return replace(problem, inputs=inputs, moved=True)


@cache
def environment() -> dict[str, str]:
    """Versions of what computed the report."""
    packages = {name: version(name) for name in ("lstm_ref", "jax", "numpy", "python-flint")}
    return {"python": platform.python_version(), "machine": platform.machine(), **packages}
