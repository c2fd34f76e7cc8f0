"""The check: a claimed gradient against every oracle that applies, in floats and in balls.

Two questions are kept apart. *Are the equations right?* The claim and the oracle are both evaluated in ball arithmetic
and must agree to all digits. *Are the numbers right?* What the code gave in floats must be as near to the truth as its
arithmetic allows (`checking.floor`).
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.metadata import version
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic.balls import Balls, as_balls, midpoints, precision
from lstm_ref.arithmetic.lift import lift
from lstm_ref.checking.compare import Comparison, compare
from lstm_ref.checking.diagnosis import Diagnosis, Evidence, diagnose
from lstm_ref.checking.floor import bits, modelled, noise_floor
from lstm_ref.checking.problem import Problem, in_own_arithmetic, paths
from lstm_ref.checking.report import ESTIMATOR, EXACT, WRONG, FirstWrong, InputReport, NodeReport, OracleReport, Report
from lstm_ref.errors import BadInput, CannotEvaluate
from lstm_ref.oracles import ORACLES, Estimate
from lstm_ref.oracles.balls import GUARD_DIGITS
from lstm_ref.oracles.reverse import pullback, reverse

# Oracles that need one or more evaluations an element; larger problems are checked along random directions instead.
BY_ELEMENT = {"balls", "complex", "forward", "differences"}
MANY_ELEMENTS = 1000
DIRECTIONS = 4

# Cotangents are drawn an order above the largest bound at which people clip (10): a gradient is linear in them, but one
# that is clipped on its way is not, and would pass unseen with small ones. In float16, whose largest number is 65504,
# sums of them would overflow.
COTANGENT_SCALE = 100.0

# An extrapolated difference estimates its own error, it does not bound it: it counts as disagreeing beyond ten times.
DIFFERENCE_DOUBT = 10.0


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
    names = _oracle_names(oracles)
    if digits < 20:
        raise BadInput(f"digits must be at least 20, got {digits}: below that balls see less than floats do")
    notes: list[str] = []
    cotangents = _cotangents(problem, seed)
    claimed = _claim_in_floats(problem, cotangents, notes)
    trusted = not notes  # a claim that changes its arguments, or from call to call, is no gradient
    unchecked = tuple(k for k in problem.inputs if not any(path == k or path.startswith(f"{k}.") for path in claimed))
    skipped: list[tuple[str, str]] = []
    lifted, claimed_balls = _claim_in_balls(problem, claimed, cotangents, digits, skipped)
    floor = noise_floor(problem, lifted, claimed, cotangents)
    oracle_floor = modelled(problem, claimed, cotangents)

    answers: dict[str, _Answer] = {}
    if problem.definition is None:
        for name in names:
            try:
                answers[name] = _ask(name, problem, cotangents, digits, seed, list(claimed))
            except CannotEvaluate as error:
                skipped.append((name, str(error)))
    else:
        answers = _ask_definition(problem, cotangents, digits, skipped)
    if not answers:
        raise BadInput(
            f"{problem.name}: no oracle could be asked: " + "; ".join(f"{name}: {why}" for name, why in skipped)
        )
    decisive = _decisive(answers)
    reports, wrong_masks = [], {}
    for path, value in claimed.items():
        report, mask = _judge(
            path, value, claimed_balls, floor.by_input[path], oracle_floor[path], answers, decisive, digits
        )
        reports.append(report)
        wrong_masks[path] = mask
    notes += _contradictions(reports)
    first, inherited = _walk_back(problem, wrong_masks)
    right = trusted and all(r.right for r in reports)
    if trusted and not right and not problem.moved and any(a.at_kink for a in answers.values()):
        beside = check(_moved_off_the_kink(problem, seed), oracles=oracles, digits=digits, seed=seed)
        return replace(beside, notes=(*beside.notes, AT_KINK))
    truth = _truth(answers, decisive)
    diagnosis = Diagnosis()
    if explain and truth is not None and problem.estimator is None and (not right or problem.cell is not None):
        evidence = Evidence(problem, cotangents, claimed, truth, wrong_masks)
        diagnosis = diagnose(evidence, lambda other: _is_right(other, decisive, seed))
    if diagnosis.adjoints:
        first, inherited = _first_wrong(diagnosis.adjoints, problem.reverse_time)
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
        nodes=diagnosis.adjoints or _nodes(problem, claimed, truth, wrong_masks),
        findings=diagnosis.findings,
        conformance=diagnosis.conformance,
    )


def _truth(answers: dict[str, _Answer], decisive: set[str]) -> dict[str, np.ndarray] | None:
    """The gradients by path, in floats, of the sharpest oracle that saw every element; None without one."""
    for name in (*decisive, *answers):
        if name in answers and answers[name].directions is None:
            return {path: midpoints(v) for path, v in answers[name].gradients.items()}
    return None


def _nodes(
    problem: Problem, claimed: dict[str, np.ndarray], truth: dict[str, np.ndarray] | None, wrong: dict[str, np.ndarray]
) -> tuple[NodeReport, ...]:
    """The claimed adjoints of the problem's nodes, step by step."""
    found = []
    for name in problem.nodes:
        if truth is None or name not in claimed or claimed[name].ndim == 0 or not claimed[name].size:
            continue
        size = float(np.max(np.abs(truth[name]))) or 1.0
        errors = np.abs(claimed[name].astype(np.float64) - truth[name]).reshape(len(truth[name]), -1).max(axis=1) / size
        bad = wrong[name].reshape(len(errors), -1)
        found.append(NodeReport(name, tuple(map(float, errors)), tuple(bool(step.any()) for step in bad)))
    return tuple(found)


def _is_right(problem: Problem, decisive: set[str], seed: int) -> bool:
    """The verdict on another problem, by the oracles that decided this one, at the least digits."""
    return check(problem, oracles=sorted(decisive), digits=20, seed=seed, explain=False).right


def _moved_off_the_kink(problem: Problem, seed: int) -> Problem:
    """The problem at inputs close by; a function that is at a kink there again has kinks everywhere."""
    rng = np.random.default_rng(seed)

    def moved(v: Any) -> Any:
        v = np.asarray(v)
        return (v + 1e-3 * (1 + np.abs(v)) * rng.standard_normal(v.shape)).astype(v.dtype)

    inputs = {k: v if k in problem.nodes else jax.tree.map(moved, v) for k, v in problem.inputs.items()}
    return replace(problem, inputs=inputs, moved=True)


def environment() -> dict[str, str]:
    """Versions of what computed the report."""
    packages = {name: version(name) for name in ("lstm_ref", "jax", "numpy", "python-flint")}
    return {"python": platform.python_version(), "machine": platform.machine(), **packages}


def _oracle_names(oracles: Iterable[str] | None) -> tuple[str, ...]:
    names = tuple(ORACLES) if oracles is None else tuple(oracles)
    for name in names:
        if name not in ORACLES:
            raise BadInput(f"unknown oracle {name!r}: there are {', '.join(ORACLES)}")
    if not names:
        raise BadInput(f"no oracle named: there are {', '.join(ORACLES)}")
    return names


# ---------------------------------------------------------------------------------------------- the function


def _cotangents(problem: Problem, seed: int) -> Any:
    """1 for a loss; else every output gets its own random cotangent (ones would hide whatever cancels in a sum)."""
    what = "loss" if problem.is_loss else "forward"
    call = in_own_arithmetic(problem.function, problem.inputs)
    try:
        outputs, again = (call(jax.tree.map(np.copy, problem.inputs)) for _ in range(2))
    except BadInput:
        raise
    except (Exception, SystemExit) as error:
        raise BadInput(f"{problem.name}: {what}(inputs) fails: {type(error).__name__}: {_first_line(error)}") from error
    named = paths(outputs)
    if not named:
        raise BadInput(f"{problem.name}: {what}(inputs) returns no array")
    for path, value in named.items():
        label = f"{what}(inputs)" + (f" output {path}" if path else "")
        if not np.issubdtype(value.dtype, np.floating) and value.dtype.name not in ("bfloat16",):
            raise BadInput(f"{problem.name}: {label} must be floating, got {value.dtype}")
        if not np.isfinite(value.astype(np.float64)).all():
            raise BadInput(f"{problem.name}: {label} is not finite on finite inputs")
        if not np.array_equal(value, paths(again)[path]):
            raise BadInput(f"{problem.name}: {label} changes from call to call: pass its random numbers as inputs")
    if problem.is_loss:
        if len(named) != 1 or next(iter(named.values())).shape != ():
            shapes = ", ".join(str(v.shape) for v in named.values())
            raise BadInput(
                f"{problem.name}: loss(inputs) must be one number, got shape {shapes} "
                "(for arrays define forward(inputs) and backward(inputs, cotangents))"
            )
        return jax.tree.map(lambda v: np.ones((), v.dtype), outputs)
    rng = np.random.default_rng(seed)

    def drawn(v: np.ndarray) -> np.ndarray:
        scale = COTANGENT_SCALE if bits(v.dtype) != bits(np.float16) else 1.0
        return (scale * rng.standard_normal(v.shape)).astype(v.dtype)

    return jax.tree.map(drawn, outputs)


# ------------------------------------------------------------------------------------------------- the claim


def _claim_in_floats(problem: Problem, cotangents: Any, notes: list[str]) -> dict[str, np.ndarray]:
    """The claimed gradients by path, called twice on copies: whether they stay the same is part of the claim."""
    what = "gradients(inputs)" if problem.is_loss else "backward(inputs, cotangents)"
    call = in_own_arithmetic(problem.gradients, problem.inputs, cotangents)

    def once() -> dict[str, np.ndarray]:
        inputs, bars = (jax.tree.map(np.copy, tree) for tree in (problem.inputs, cotangents))
        try:
            result = call(inputs, bars)
        except BadInput:
            raise
        except (Exception, SystemExit) as error:
            raise BadInput(f"{problem.name}: {what} fails: {type(error).__name__}: {_first_line(error)}") from error
        if not isinstance(result, dict):
            raise BadInput(
                f"{problem.name}: {what} must return a dict of gradients by input name, got {type(result).__name__}"
            )
        for owner, before, after in (("input", problem.inputs, inputs), ("cotangent", cotangents, bars)):
            for path, old in paths(before).items():
                if not np.array_equal(old, paths(after)[path], equal_nan=True):
                    note = f"{what} writes into its argument: {owner} {path} is changed after the call"
                    if note not in notes:
                        notes.append(note)
        return paths(result)

    first, second = once(), once()
    known = paths(problem.inputs)
    for path, value in first.items():
        if path not in known:
            raise BadInput(f"{problem.name}: {what} returns {path!r}, which is no input ({', '.join(known)})")
        if value.shape != np.shape(known[path]):
            raise BadInput(
                f"{problem.name}: the gradient of {path} must have its shape {np.shape(known[path])}, got {value.shape}"
            )
        if not (np.issubdtype(value.dtype, np.number) or value.dtype.name == "bfloat16") or value.dtype.kind == "c":
            raise BadInput(f"{problem.name}: the gradient of {path} must be an array of floats, got {value.dtype}")
        if not np.array_equal(value, second[path], equal_nan=True):
            notes.append(f"{what} gives other numbers for {path} when called again: state is left from the last call")
    if not first:
        raise BadInput(f"{problem.name}: {what} claims no gradient: it returns an empty dict")
    return {path: first[path] for path in known if path in first}


def _claim_in_balls(
    problem: Problem, claimed: dict[str, np.ndarray], cotangents: Any, digits: int, skipped: list[tuple[str, str]]
) -> tuple[Callable[..., Any] | None, dict[str, Balls] | None]:
    """The claim as a function of balls, and its value at the inputs; None where it does not run on balls."""
    evaluate = lift(problem.gradients, problem.inputs, cotangents)

    def in_balls(inputs: Any, bars: Any) -> Any:
        return evaluate(*(jax.tree.map(lambda v: as_balls(v).copy(), tree) for tree in (inputs, bars)))

    try:
        with precision(3 * digits // 2 + GUARD_DIGITS):
            values = {path: as_balls(v) for path, v in paths(in_balls(problem.inputs, cotangents)).items()}
    except CannotEvaluate as error:
        skipped.append(("claim in balls", f"{error}; lost: proof of the equations beyond 15 digits"))
        return None, None
    if values.keys() != claimed.keys() or any(values[k].shape != claimed[k].shape for k in claimed):
        skipped.append(("claim in balls", "the code takes another path for numbers that are not floats"))
        return None, None
    return in_balls, values


# ----------------------------------------------------------------------------------------------- the oracles


class _Answer(NamedTuple):
    """An oracle's gradients by path (of every element, or along directions), as balls, with its doubt."""

    gradients: dict[str, Balls]
    doubt: dict[str, Any]
    at_kink: bool
    directions: dict[str, np.ndarray] | None
    """Where the oracle was asked along directions: (DIRECTIONS, ...) for every path."""


def _ask(name: str, problem: Problem, cotangents: Any, digits: int, seed: int, wanted: list[str]) -> _Answer:
    oracle: Callable[..., Estimate] = ORACLES[name]
    extra = {"digits": digits} if name == "balls" else {}
    inputs = jax.tree.map(lambda v: np.asarray(v, dtype=np.float64), problem.inputs)
    many = sum(np.size(v) for v in jax.tree.leaves(inputs)) > MANY_ELEMENTS
    if not (many and name in BY_ELEMENT):
        return _answer(oracle(problem.function, inputs, cotangents, **extra))
    rng = np.random.default_rng(seed)
    known = paths(inputs)
    directions = {p: rng.choice([-1.0, 1.0], (DIRECTIONS, *np.shape(known[p]))) for p in wanted}
    along = _along(problem.function, inputs, directions)
    at = {p: np.zeros(DIRECTIONS) for p in wanted}
    return _answer(oracle(along, at, cotangents, **extra))._replace(directions=directions)


def _along(function: Callable[[Any], Any], inputs: Any, directions: dict[str, np.ndarray]) -> Callable[[Any], Any]:
    """The function of step lengths t[path] (DIRECTIONS,) along the directions, in any arithmetic."""
    places = {id(leaf): path for path, leaf in paths(inputs).items()}

    def moved(t: dict[str, Any]) -> Any:
        def step(leaf: Any) -> Any:
            path = places[id(leaf)]
            if path not in directions:
                return leaf
            return leaf + sum(t[path][k] * directions[path][k] for k in range(DIRECTIONS))

        return function(jax.tree.map(step, inputs))

    return moved


def _answer(estimate: Estimate) -> _Answer:
    gradients = {path: as_balls(v) for path, v in paths(estimate.gradients).items()}
    doubt = dict.fromkeys(gradients, 0.0) if estimate.error is None else paths(estimate.error)
    return _Answer(gradients, doubt, estimate.at_kink, None)


def _ask_definition(
    problem: Problem, cotangents: Any, digits: int, skipped: list[tuple[str, str]]
) -> dict[str, _Answer]:
    """A declared estimator is held to its definition: autodiff of a function that cuts where the author cuts."""
    definition = problem.definition
    assert definition is not None
    answers = {}
    inputs = jax.tree.map(lambda v: np.asarray(v, dtype=np.float64), problem.inputs)
    try:
        autodiff = lift(lambda x: pullback(definition, x, cotangents), inputs)
        with precision(3 * digits // 2 + GUARD_DIGITS):
            answers["balls"] = _answer(Estimate(autodiff(jax.tree.map(as_balls, inputs))))
    except CannotEvaluate as error:
        skipped.append(("balls", str(error)))
    try:
        answers["reverse"] = _answer(reverse(definition, inputs, cotangents))
    except CannotEvaluate as error:
        skipped.append(("reverse", f"the definition of the estimator must be JAX code: {error}"))
    return answers


def _decisive(answers: dict[str, _Answer]) -> set[str]:
    """The sharpest oracle that uses values only decides; without one, autodiff and differences decide together."""
    for name in ("balls", "complex"):
        if name in answers:
            return {name}
    return set(answers)


# ----------------------------------------------------------------------------------------------- the verdict


def _judge(
    path: str,
    value: np.ndarray,
    in_balls: dict[str, Balls] | None,
    floor: np.ndarray,
    oracle_floor: np.ndarray,
    answers: dict[str, _Answer],
    decisive: set[str],
    digits: int,
) -> tuple[InputReport, np.ndarray]:
    """The report on one input, and which of its elements are wrong."""
    cap = bits(value.dtype) * math.log10(2) if value.dtype.kind != "i" else 16.0
    oracles, wrong, pattern_mask = [], 0, np.zeros(value.shape, bool)
    digits_balls: float | None = None
    limits: list[float] = []
    limit_balls: float | None = None
    zeros = 0
    digits_floats = cap
    for name, answer in answers.items():
        with precision(3 * digits // 2 + GUARD_DIGITS):
            doubt: Any = answer.doubt[path] * (DIFFERENCE_DOUBT if name == "differences" else 1)
            # What computes in floats loses digits of its own, oracle and claim alike.
            lost = floor if name == "balls" else floor + oracle_floor
            compared = _compare(as_balls(value), answer, path, doubt, lost)
            proven = None
            if name == "balls" and in_balls is not None:
                proven = _compare(in_balls[path], answer, path, doubt, 0.0)
        decides = name in decisive
        agrees = bool(compared.right.all()) and (proven is None or bool(proven.right.all()))
        shown = compared if proven is None or not compared.right.all() else proven
        if decides or len(answers) == 1:
            mask = ~compared.right if proven is None else ~(compared.right & proven.right)
            wrong = max(wrong, int(mask.sum()))
            if mask.shape == value.shape:
                pattern_mask |= mask
            digits_floats = min(digits_floats, compared.digits)
            limits.append(_limit_each(compared, answer, value, path))
            zeros = max(zeros, compared.zeros if answer.directions is None else 0)
            if proven is not None:
                digits_balls = min(proven.digits, float(digits))
                limit_balls = _limit_each(proven, answer, value, path)
        oracles.append(
            OracleReport(
                name,
                min(shown.digits, digits if shown is proven else cap),
                agrees,
                decides,
                shown.limit,
                shown.worst,
                shown.claimed,
                shown.expected,
                shown.error,
                shown.allowed,
            )
        )
    right = all(o.agrees for o in oracles if o.decides)
    report = InputReport(
        path,
        value.shape,
        str(value.dtype),
        right,
        wrong,
        digits_balls,
        digits_floats,
        tuple(oracles),
        None if right else _pattern(pattern_mask),
        min(limits, default=math.inf),
        limit_balls,
        zeros,
    )
    return report, pattern_mask if pattern_mask.any() or right else np.ones(value.shape, bool)


def _limit_each(compared: Comparison, answer: _Answer, value: np.ndarray, path: str) -> float:
    """The detection limit of any one element, relative to its own size.

    Along directions of ±1 an element's error shows whole, in a sum that is allowed for as a sum: the smallest element
    that is claimed decides.
    """
    if answer.directions is None:
        return compared.limit_each
    sizes = np.abs(value.astype(np.float64))
    scale = max((abs(v) for v in midpoints(answer.gradients[path]).ravel()), default=0.0)
    smallest = float(np.min(sizes, where=sizes > 0, initial=math.inf))
    return compared.limit * float(scale) / smallest if math.isfinite(smallest) and scale > 0 else math.inf


def _compare(claimed: Balls, answer: _Answer, path: str, doubt: Any, floor: Any) -> Comparison:
    if answer.directions is not None:
        along = answer.directions[path]
        axes = tuple(range(1, along.ndim))
        claimed = as_balls((claimed[None] * along).sum(axis=axes))
        floor = np.sum(np.broadcast_to(floor, along.shape[1:])) * np.ones(len(along))
    return compare(claimed, answer.gradients[path], doubt, floor)


def _contradictions(reports: list[InputReport]) -> list[str]:
    """An oracle that differs where the deciding one agrees, or the other way round, is worth a word."""
    found = []
    for name in dict.fromkeys(o.oracle for r in reports for o in r.oracles):
        differing = [
            r.name for r in reports for o in r.oracles if o.oracle == name and not o.decides and o.agrees != r.right
        ]
        if differing:
            found.append(
                f"{name} contradicts the deciding oracle for {', '.join(differing)}: a custom derivative rule, "
                "a stop_gradient or a kink in the function makes its derivative and its values differ"
            )
    return found


# --------------------------------------------------------------------------------------------- where it is wrong


def _walk_back(problem: Problem, wrong: dict[str, np.ndarray]) -> tuple[FirstWrong | None, tuple[str, ...]]:
    """The first wrong adjoint on the way back from the loss: step by step, in a step against the forward order."""
    nodes = [n for n in problem.nodes if n in wrong and wrong[n].ndim > 0]
    if not nodes:
        return None, ()
    steps = max(wrong[n].shape[0] for n in nodes)
    order = range(steps) if problem.reverse_time else range(steps - 1, -1, -1)
    found = [(n, t) for t in order for n in reversed(nodes) if t < wrong[n].shape[0] and wrong[n][t].any()]
    if not found:
        return None, ()
    (node, step), *rest = found
    return FirstWrong(node, step, steps), tuple(f"{n}[{t}]" for n, t in rest)


def _first_wrong(nodes: tuple[NodeReport, ...], reverse_time: bool) -> tuple[FirstWrong | None, tuple[str, ...]]:
    """The same, of adjoints that were given beside the gradients."""
    steps = len(nodes[0].wrong)
    order = range(steps) if reverse_time else range(steps - 1, -1, -1)
    found = [(n.name, t) for t in order for n in reversed(nodes) if n.wrong[t]]
    if not found:
        return None, ()
    (node, step), *rest = found
    return FirstWrong(node, step, steps), tuple(f"{n}[{t}]" for n, t in rest)


def _pattern(wrong: np.ndarray) -> str | None:
    """Where in an array the wrong elements lie, if that is a block along one axis."""
    if not wrong.any():
        return None
    if wrong.all():
        return "every element"
    for axis in range(wrong.ndim):
        lines = np.asarray(wrong.any(axis=tuple(k for k in range(wrong.ndim) if k != axis)))
        (at,) = np.nonzero(lines)
        low, high, size = int(at[0]), int(at[-1]), lines.size
        if lines.all() or not lines[low : high + 1].all():
            continue
        if low == 0:
            return f"axis {axis}: right from index {high + 1} on, wrong at {_span(0, high)}"
        if high == size - 1:
            return f"axis {axis}: right up to index {low - 1}, wrong at {_span(low, high)}"
        return f"axis {axis}: wrong at {_span(low, high)} alone"
    return f"{int(wrong.sum())} of {wrong.size} elements, scattered"


def _span(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low}..{high}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().split("\n") or [""])[0][:200]
