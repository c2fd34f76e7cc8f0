"""The check on one page: claim, truth, floor, verdict, diagnosis, report.

The check keeps two questions apart. *Are the equations right?* The claim and the oracle are both evaluated in ball
arithmetic and must agree to all digits. *Are the numbers right?* What the code gave in floats must be as near to the
truth as its arithmetic allows (`checking.verdict.floor`).
"""

from __future__ import annotations

import gc
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version

import jax
import numpy as np

from lstm_ref.arithmetic.balls import midpoints
from lstm_ref.checking.claim.evaluate import Claim, evaluate_claim
from lstm_ref.checking.code.as_written import faults_as_written
from lstm_ref.checking.code.kinks import AT_KINK, moved_off_the_kink
from lstm_ref.checking.code.named_values import with_named_nodes
from lstm_ref.checking.code.precision import in_its_precision
from lstm_ref.checking.code.size import MANY_ELEMENTS, is_very_large
from lstm_ref.checking.diagnosis.diagnose import Diagnosis, Evidence, explain_claim
from lstm_ref.checking.diagnosis.first_wrong import first_wrong_of, nodes_of, walk_back
from lstm_ref.checking.problem import Problem
from lstm_ref.checking.report import ESTIMATOR, EXACT, UNDECIDED, WRONG, Finding, Report
from lstm_ref.checking.truth.answers import Truth, ask_oracles
from lstm_ref.checking.verdict.allowances import CAUSES, Setting, Verdicts, judge_with_allowances
from lstm_ref.checking.verdict.floor import noise_floor
from lstm_ref.checking.verdict.judgement import Claimed
from lstm_ref.checking.verdict.sentences import notes_on, undecided_of
from lstm_ref.errors import BadInput
from lstm_ref.leaves import NamedArrays, paths
from lstm_ref.oracles.estimate import MANY_LEAVES

NOT_SEEN = f"no oracle saw every element: check a problem of at most {MANY_ELEMENTS} elements to get a diagnosis"

UNFINISHED = "the time was up before the cause was found"

MOST_DIGITS = 320
"""Digits up to which a check that decides nothing is repeated: gradients of 1e-300, where float64 ends, have some."""


@dataclass(frozen=True)
class Options:
    """The caller's options of the check."""

    oracles: tuple[str, ...] | None
    digits: int
    seed: int
    explain: bool
    say: Callable[[str], None]
    stateless: bool
    judged: Callable[[Report], None] | None = None
    """Called with the report on a wrong claim before the search for the cause."""
    causes: frozenset[str] = CAUSES
    """What else than a mistake is looked for behind a difference."""


def check(
    problem: Problem,
    *,
    oracles: Iterable[str] | None = None,
    digits: int = 80,
    seed: int = 0,
    explain: bool = True,
    progress: Callable[[str], None] | None = None,
    stateless: bool = False,
    judged: Callable[[Report], None] | None = None,
) -> Report:
    """Check a problem: ask the oracles about every claimed gradient and, where one is wrong, look for the cause.

    Args:
        problem: The claim to check.
        oracles: Names of the oracles to ask; by default all that apply.
        digits: Decimal digits of ball arithmetic, at least 20.
        seed: Seed of random cotangents and directions.
        explain: Whether to look for the cause of a wrong gradient.
        progress: Called with one sentence at every stage.
        stateless: The code is known to keep no state between calls; the test for such state is then skipped.
        judged: Called with the report on a wrong claim as it is before the search for the cause.

    Returns:
        The report.

    Raises:
        BadInput: The check cannot be made.

    Example:
        >>> import numpy as np
        >>> from lstm_ref.checking import problem
        >>> x, cubes = {"x": np.array([1.0, 2.0])}, lambda inputs: (inputs["x"] ** 3).sum()
        >>> report = check(problem(x, loss=cubes, gradients=lambda inputs: {"x": 2 * inputs["x"] ** 2}))
        >>> report.verdict
        'wrong'
        >>> report.findings[0].sentence
        'the gradient of x is 0.666667 times what it should be'
    """
    started = time.perf_counter()

    def timed(report: Report) -> Report:
        return replace(report, seconds=time.perf_counter() - started)

    named = None if oracles is None else tuple(oracles)
    early = None if judged is None else lambda report: judged(timed(report))
    options = Options(named, digits, seed, explain, progress or (lambda _: None), stateless, early)
    if digits < 20:
        raise BadInput(f"digits must be at least 20, got {digits}: with fewer, balls are less precise than floats")
    with _few_collections() if len(jax.tree.leaves(problem.inputs)) > MANY_LEAVES else nullcontext():
        return timed(_check(problem, options))


def _check(problem: Problem, options: Options) -> Report:
    """All stages of a check in order, as in the table of CONTRIBUTING.md."""
    # The code: is it the same at every call, in which precision can JAX trace it, which values does it name?
    options.say("running the forward and the backward pass")
    is_tried = not options.stateless and not is_very_large(problem, traced=False)
    faults = faults_as_written(problem, options.seed) if is_tried else ()
    if faults:
        return _report_on_faults(problem, faults, options)
    problem = with_named_nodes(in_its_precision(problem))
    in_balls = not is_very_large(problem)
    # The claim.
    claim = evaluate_claim(
        problem, options.digits, options.seed, in_balls=in_balls, stateless=options.stateless, say=options.say
    )
    # The truth.
    options.say(f"asking the oracles about {sum(v.size for v in claim.floats.values())} elements")
    truth = ask_oracles(problem, claim.cotangents, list(claim.floats), options.oracles, options.digits, options.seed)
    # The floor, below which rounding hides everything.
    floors = noise_floor(problem, claim.in_balls.evaluate, claim.floats, claim.cotangents, in_balls)
    # The verdict.
    claimed = Claimed(claim.floats, claim.in_balls.values)
    setting = Setting(problem, claim.cotangents, claimed, truth.answers, truth.decisive, options.digits, options.seed)
    verdicts = judge_with_allowances(setting, floors, causes=None if claim.faults else options.causes)
    verdict = _verdict_of(problem, verdicts, claim)
    elsewhere = _recheck_elsewhere(problem, claim, truth, verdict, options) or _recheck_with_more_digits(
        problem, claim, verdicts, verdict, options
    )
    if elsewhere is not None:
        return elsewhere
    # The diagnosis, and the report.
    if options.judged is not None and options.explain and verdict == WRONG:
        options.judged(_report(problem, claim, truth, verdicts, verdict, Diagnosis(why_not=UNFINISHED), options))
    diagnosis = _diagnose(problem, claim, truth, verdicts, verdict, options)
    return _report(problem, claim, truth, verdicts, verdict, diagnosis, options)


def _verdict_of(problem: Problem, verdicts: Verdicts, claim: Claim) -> str:
    """A claim that changes its arguments, or differs from call to call, is wrong; one without elements is undecided."""
    if claim.faults or not verdicts.right:
        return WRONG
    if any(r.undecided for r in verdicts.reports) or not any(r.elements for r in verdicts.reports):
        return UNDECIDED
    return EXACT if problem.estimator is None else ESTIMATOR


def _recheck_elsewhere(problem: Problem, claim: Claim, truth: Truth, verdict: str, options: Options) -> Report | None:
    """A report that replaces this one: made beside a kink that lies at these inputs, or in the other convention for
    complex numbers if the claim is right in it. None if the check stands as it was made."""
    if not claim.faults and verdict in (WRONG, UNDECIDED) and not problem.moved and truth.at_kink:
        options.say("a kink lies at these inputs: repeating the check beside it")
        beside = _check(moved_off_the_kink(problem, options.seed), replace(options, stateless=False))
        return replace(beside, notes=(*beside.notes, AT_KINK))
    if verdict == WRONG and problem.other_convention is not None:
        quiet = replace(options, explain=False, say=lambda _: None, stateless=False)
        conjugate = _check(problem.other_convention, quiet)
        if conjugate.right:
            return conjugate
    return None


def _recheck_with_more_digits(
    problem: Problem, claim: Claim, verdicts: Verdicts, verdict: str, options: Options
) -> Report | None:
    """A report made with twice the digits, if it decides what too few of them left undecided: a gradient of 1e-97
    beside others of size 1, as where a gate is saturated. None if the check stands as it was made."""
    is_shallow = any(r.undecided and r.digits_in_balls is not None for r in verdicts.reports)
    if verdict != UNDECIDED or claim.faults or not is_shallow or options.digits > MOST_DIGITS // 2:
        return None
    options.say(f"{options.digits} digits decide nothing: repeating the check with {2 * options.digits}")
    deeper = _check(problem, replace(options, digits=2 * options.digits, stateless=True))
    return None if deeper.verdict == UNDECIDED else deeper


def _diagnose(
    problem: Problem, claim: Claim, truth: Truth, verdicts: Verdicts, verdict: str, options: Options
) -> Diagnosis:
    """The diagnosis of a wrong claim; for a right claim about a known cell, whether the forward is that cell."""
    right = truth.gradients()
    if not options.explain or (verdict != WRONG and problem.cell is None):
        return Diagnosis()
    if right is None:
        return Diagnosis(why_not=NOT_SEEN if verdict == WRONG else "")
    if problem.estimator is not None:
        return Diagnosis()
    if verdict == WRONG:
        options.say(f"verdict: {verdict}; looking for the cause …")

    def check_another(other: Problem) -> Report:
        easier = Options(
            oracles=tuple(sorted(truth.decisive)),
            digits=20,
            seed=options.seed,
            explain=False,
            say=lambda _: None,
            stateless=True,
            causes=CAUSES - verdicts.excluded,
        )
        return _check(other, easier)

    claimed = _with_all_digits(claim, verdicts)
    return explain_claim(Evidence(problem, claim.cotangents, claimed, right, verdicts.wrong), check_another)


def _with_all_digits(claim: Claim, verdicts: Verdicts) -> NamedArrays:
    """The claimed gradients, to more digits than float32 and less have, if they are wrong in balls too: to a few digits
    many mistakes look alike, and the search names none."""
    balls = claim.in_balls.values
    if balls is None:
        return claim.floats
    few = {p for p, v in claim.floats.items() if v.dtype != np.float64 and verdicts.by_input[p].is_refuted}
    return {path: midpoints(balls[path]) if path in few else v for path, v in claim.floats.items()}


def _report(
    problem: Problem,
    claim: Claim,
    truth: Truth,
    verdicts: Verdicts,
    verdict: str,
    diagnosis: Diagnosis,
    options: Options,
) -> Report:
    if diagnosis.adjoints:
        first, inherited = first_wrong_of(diagnosis.adjoints, problem.reverse_time)
    else:
        first, inherited = walk_back(problem, verdicts.wrong)
    not_in_balls = (("claim in balls", claim.in_balls.why_not),) if claim.in_balls.why_not else ()
    not_explained = (("diagnosis", diagnosis.why_not),) if diagnosis.why_not else ()
    return Report(
        name=problem.name,
        verdict=verdict,
        inputs=tuple(verdicts.reports),
        estimator=problem.estimator,
        first_wrong=first,
        inherited=inherited,
        unchecked=tuple(path for path in paths(problem.inputs) if path not in claim.floats),
        skipped=(*not_in_balls, *truth.skipped, *not_explained),
        notes=(*problem.remarks, *notes_on(problem, truth.decisive, verdicts), *claim.faults),
        floor=verdicts.floor,
        seed=options.seed,
        digits=options.digits,
        seconds=0.0,
        environment=environment(),
        nodes=diagnosis.adjoints or nodes_of(problem, claim.floats, truth.gradients(), verdicts.wrong),
        findings=(*_findings_of(claim.faults), *diagnosis.findings),
        conformance=diagnosis.conformance,
        undecided=undecided_of(problem, verdicts),
    )


def _report_on_faults(problem: Problem, faults: tuple[str, ...], options: Options) -> Report:
    """The report on code whose numbers change from call to call: no gradient of it can be checked."""
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
        seed=options.seed,
        digits=options.digits,
        seconds=0.0,
        environment=environment(),
        findings=_findings_of(faults),
    )


def _findings_of(faults: tuple[str, ...]) -> tuple[Finding, ...]:
    return tuple(Finding("call", fault, exact=True) for fault in faults)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Switches garbage collection off. Tracing many inputs makes millions of objects, all of which stay alive;
    searching them for garbage again and again takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@cache
def environment() -> dict[str, str]:
    """Versions of the packages that computed the report."""
    packages = {name: version(name) for name in ("lstm_ref", "jax", "numpy", "python-flint")}
    return {"python": platform.python_version(), "machine": platform.machine(), **packages}
