"""A claim that is slightly off may have another cause than a mistake. Each cause is measured and allowed for in turn.

1. *Large numbers on the way*: the model of the noise floor ignores them. The change of the claim by one unit in the
   last place of inputs and cotangents reveals them, as it does for low precision (`verdict.floor`, way 3). If the
   claim runs in balls, its equations are judged there, and its numbers may lose all that the derived floor bounds.
2. *Constants rounded in two ways*, such as 2/3 in one place and a division by 3 in another. Forward and claim are
   evaluated again in balls with every constant moved (`arithmetic.constants`); the change of their difference tells how
   much the rounding of constants explains. A computed constant is off by more than its own rounding:
   1/np.sqrt(2·np.pi), of four operations, by 2.5 units, and another formula for it by as many in the other direction.
   So each constant is allowed ROUNDED units. An error far smaller than any rounding would make it is not excused.
3. *A loop that stops at a tolerance*, with a gradient derived as if it did not: the error falls as the tolerance does.
4. *Lower precision inside than the inputs'*: buffers of float32 in float64 code. The noise of the claim's values shows
   it.

Conversely, the model may allow as much as a whole gradient, or as one of its elements, is large. Then the measurement
of cause 1 is sharper: a claim that agrees within it is right, and one that is far outside it is undecided.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from lstm_ref.arithmetic.balls import as_balls, ball, magnitudes, midpoints, precision
from lstm_ref.arithmetic.constants import ROWS, Constants, noted
from lstm_ref.arithmetic.dtypes import bits
from lstm_ref.checking.function.bits import name_of, says_inside
from lstm_ref.checking.problem import Problem
from lstm_ref.checking.report import InputReport
from lstm_ref.checking.truth.answers import Answer, ask, directions_of, is_large
from lstm_ref.checking.verdict.floor import Floors, least_bits, measured, modelled, smallest
from lstm_ref.checking.verdict.judgement import Allowed, Claimed, Judged, judge_all
from lstm_ref.errors import CannotEvaluate, LstmRefError, defect, is_defect
from lstm_ref.graph.lift import lift
from lstm_ref.leaves import paths

ROUNDED = 4.0
"""Unit roundoffs by which a constant may be off: its own rounding, and those of up to three operations that made it."""
TOO_SMALL = 1e-9
"""An error below this part of what rounded constants can explain has another cause: rounding makes one so small by
chance once in 1e9."""
SECOND_ORDER = 2.0**-51
"""Second-order effect of rounded constants, relative to the first-order one. 0.1 and 2/3 are rounded by the same
relative amount, one up, one down, so to first order 1 / 0.1 / 15 is 2 / 3."""
DIGITS, SIZE = 40, 1e-15
"""Digits of the differences with moved constants, and the number of unit roundoffs by which constants are moved: far
above the truncation, 1e-40, and so few that the change is linear in them."""
MOST_DIGITS = 150
"""Most digits of those differences; the moved constants have `constants.MOVED_DIGITS`."""
IS_ROUNDING = 0.01
"""Relative change of a claim at inputs moved by 1e-6, above which the claim is rounding and no smooth function of
them."""
BLURRED = 1e-2
"""If more than this part of an element could be missing unseen, the input is judged again by a measured floor."""
FAR = 1e3
"""Multiple of the measured floor that no right claim reaches, whatever its roundings."""
EXPLAINABLE = 1e-6
"""Errors above this part of the largest element do not come from rounded constants, not even in float32."""


SHARPER, STEP = 1e-10, 1e-3
"""The factor on tolerances, and the factor by which an error that comes from them must at least fall. In a loop that
converges linearly it falls by the same factor, in one that converges quadratically by more."""
STOPS_EARLY = (
    "right but for a tolerance in the code, at which a loop stops: with a smaller tolerance, forward and claim agree "
    "to more digits"
)


@dataclass(frozen=True)
class Setting:
    """The claim, the truth and the options of a judgement."""

    problem: Problem
    cotangents: Any
    claimed: Claimed
    answers: Mapping[str, Answer]
    decisive: set[str]
    digits: int
    seed: int


@dataclass(frozen=True)
class Verdicts:
    """The verdict on every input, the floor that was used, and remarks for the report."""

    by_input: dict[str, Judged]
    floor: str
    remarks: tuple[str, ...] = ()
    excluded: frozenset[str] = frozenset()
    """Causes that explain nothing of the claim's error, and nothing of the same claim's on an easier problem."""

    @property
    def reports(self) -> list[InputReport]:
        """Reports on every input, in the claim's order."""
        return [judged.report for judged in self.by_input.values()]

    @property
    def wrong(self) -> dict[str, np.ndarray]:
        """By path, the mask of wrong elements."""
        return {path: judged.wrong for path, judged in self.by_input.items()}

    @property
    def right(self) -> bool:
        """Whether no input is wrong; some may be undecided."""
        return not any(_is_wrong(j) for j in self.by_input.values())


def _is_wrong(judged: Judged) -> bool:
    return not judged.report.right and not judged.report.undecided


CONSTANTS, TOLERANCES, PRECISION = "constants", "tolerances", "precision"
CAUSES = frozenset((CONSTANTS, TOLERANCES, PRECISION))
"""Causes of a difference that are tried where large numbers alone do not explain it."""


def judge_with_allowances(setting: Setting, floors: Floors, causes: frozenset[str] | None = CAUSES) -> Verdicts:
    """The verdicts by the strict floor; if it calls the claim wrong, by large numbers on the way and then by each of
    these causes in turn, until one makes the claim right. With `causes=None`, by the strict floor alone."""
    problem, claimed = setting.problem, setting.claimed
    double = bits(np.float64)
    oracle = modelled(problem, dict(claimed.floats), setting.cotangents, 24 if problem.single else double)
    strict = Allowed(floors.strict.by_input, oracle)
    found = _settle_zeros(setting, Verdicts(_judge(setting, strict), floors.strict.how))
    if causes is None:
        return found
    found = _judge_blurred_by_measurement(setting, floors, found)
    if found.right or not all(np.isfinite(v).all() for v in map(np.asarray, claimed.floats.values())):
        return found
    best = found
    try:
        for attempt in _attempts(setting, floors, strict, found, causes):
            if attempt.right:
                return _settle_zeros(setting, attempt)
            # An excuse for some inputs must not hide a mistake in others.
            best = replace(min(best, attempt, key=_wrong_in), excluded=best.excluded | attempt.excluded)
    except LstmRefError:
        raise
    except (Exception, SystemExit) as error:  # of the author's code, at inputs beside theirs; or a defect of ours
        return replace(best, remarks=(*best.remarks, defect(error))) if is_defect(error) else best
    return best


def _wrong_in(verdicts: Verdicts) -> tuple[int, int]:
    """The numbers of wrong inputs and of wrong elements."""
    wrong = [j.report.wrong_elements for j in verdicts.by_input.values() if _is_wrong(j)]
    return len(wrong), sum(wrong)


def _judge(setting: Setting, allowed: Allowed) -> dict[str, Judged]:
    cotangent = max((float(np.max(np.abs(v), initial=0.0)) for v in jax.tree.leaves(setting.cotangents)), default=0.0)
    return judge_all(setting.claimed, allowed, setting.answers, setting.decisive, setting.digits, cotangent)


def _attempts(
    setting: Setting, floors: Floors, strict: Allowed, found: Verdicts, causes: frozenset[str]
) -> Iterator[Verdicts]:
    problem, floats = setting.problem, dict(setting.claimed.floats)
    float_bits = least_bits(problem)
    if floors.derived is not None and setting.claimed.balls is not None:
        # Balls prove or refute the equations; the rounding of right ones stays within the floor derived from them.
        wide = {k: np.maximum(v, floors.derived[k]) for k, v in strict.floor.items()}
        how = "derived: the claim in balls of float size"
    else:
        wide = _widened(floors, strict.floor, measured(problem, floats, setting.cotangents, float_bits))
        how = "measured: twice the change by one unit in the last place"
    allowed = Allowed(wide, strict.oracle)
    best = _judge(setting, allowed)
    yield Verdicts(best, how)
    wrong = [path for path, judged in found.by_input.items() if _is_wrong(judged)]
    is_small = _may_be_constants(setting, wrong)
    constants = _constants_explain(setting) if is_small and CONSTANTS in causes else None
    if constants is not None:
        best = _judge(setting, Allowed(wide, strict.oracle, constants))
        yield Verdicts({p: _by_constants(j, constants[p]) for p, j in best.items()}, how)
    stopping = _tolerances_explain(setting, wide, wrong) if TOLERANCES in causes else None
    if stopping is not None:
        by_tolerance = _judge(setting, Allowed(wide, strict.oracle, stopping))
        yield Verdicts(by_tolerance, how, (STOPS_EARLY,))
    # A larger error is not asked whether it is that of constants: on an easier problem there may be no other.
    excluded = {
        *((CONSTANTS,) if is_small and (constants is None or not any(map(np.any, constants.values()))) else ()),
        *((TOLERANCES,) if stopping is None else ()),
    }
    yield replace(found, excluded=frozenset(excluded))
    if PRECISION not in causes or all(j.is_refuted for j in best.values() if _is_wrong(j)):
        return  # a low precision is no cause of what differs in balls; to measure it takes some 180 evaluations
    inside, forward = problem.backward(setting.cotangents).bits, problem.forward.bits
    if min(inside, forward) >= float_bits:
        yield replace(found, excluded=frozenset((PRECISION,)))
    else:
        low = measured(problem, floats, setting.cotangents, inside)
        model = modelled(problem, floats, setting.cotangents, inside)
        least = smallest(problem)
        floor = {k: np.maximum(wide[k], np.maximum(low[k], model[k]) + least) for k in floats}
        oracle = modelled(problem, floats, setting.cotangents, forward)
        which = "backward" if inside < float_bits else "forward"
        remark = says_inside(
            which, problem.gradients if which == "backward" else problem.function, min(inside, forward)
        )
        how = f"measured in {name_of(min(inside, forward))}: twice the change by one unit in its last place"
        yield Verdicts(_judge(setting, Allowed(floor, oracle, constants)), how, (remark,))


def _judge_blurred_by_measurement(setting: Setting, floors: Floors, verdicts: Verdicts) -> Verdicts:
    """Judges again, by a measured floor, inputs for which the model allows as much as the gradient or its smaller
    elements.

    The model multiplies the largest numbers of all arrays. The change by one unit in the last place is usually far
    smaller, but it is not a bound: a claim within it is right; a claim far outside it, in elements where the model
    would pass anything, is called undecided, not right and not wrong.
    """
    problem, floats = setting.problem, dict(setting.claimed.floats)
    blurred = [p for p, j in verdicts.by_input.items() if _is_blurred(j.report)]
    if not blurred:
        return verdicts
    try:
        low = measured(problem, floats, setting.cotangents, least_bits(problem))
    except LstmRefError:
        raise
    except (Exception, SystemExit) as error:  # of the author's code, at inputs beside theirs; or a defect of ours
        return replace(verdicts, remarks=(*verdicts.remarks, defect(error))) if is_defect(error) else verdicts
    floor = {k: np.minimum(v, floors.strict.by_input[k]) + smallest(problem) for k, v in low.items()}
    closer, far = (_judge(setting, Allowed(f, f)) for f in (floor, {k: FAR * v for k, v in floor.items()}))
    found = dict(verdicts.by_input)
    for path in blurred:
        if closer[path].report.right:
            found[path] = closer[path]
        elif found[path].report.right and _is_wrong(far[path]):
            judged = found[path]
            found[path] = judged._replace(report=replace(judged.report, right=False, undecided=True))
    if all(found[p] is j for p, j in verdicts.by_input.items()):
        return verdicts
    return replace(verdicts, by_input=found, floor="measured: twice the change by one unit in the last place")


def _is_blurred(report: InputReport) -> bool:
    """Whether the input is undecided, or a large part of some element could be missing unseen, in floats and in
    balls."""
    return report.undecided or (report.right and report.digits_in_balls is None and report.limit_in_floats > BLURRED)


def _widened(floors: Floors, strict: Mapping[str, np.ndarray], low: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The larger of the strict and the measured floor, but at most the derived one."""
    most = floors.derived
    return {k: np.maximum(v, low[k] if most is None else np.minimum(low[k], most[k])) for k, v in strict.items()}


def _settle_zeros(setting: Setting, verdicts: Verdicts) -> Verdicts:
    """Decides inputs where the truth is zero as far as values show, and the claim is tiny: rounding, or a tiny
    gradient?

    A gradient hardly changes if the inputs move by a millionth; rounding errors change completely.
    """
    in_doubt = [path for path, judged in verdicts.by_input.items() if judged.may_be_zero]
    if not in_doubt:
        return verdicts
    problem, rng = setting.problem, np.random.default_rng(setting.seed)
    call = problem.backward(setting.cotangents).run
    changes = dict.fromkeys(in_doubt, 0.0)
    for _ in range(3):
        moved = jax.tree.map(
            lambda v: (np.asarray(v) * (1 + 1e-6 * rng.standard_normal(np.shape(v)))).astype(np.result_type(v)),
            problem.inputs,
        )
        given = paths(call(moved, jax.tree.map(np.copy, setting.cotangents)))
        for path in in_doubt:
            change = np.max(np.abs(np.asarray(given[path], float) - setting.claimed.floats[path].astype(float)))
            changes[path] = max(changes[path], float(change))
    found = dict(verdicts.by_input)
    for path in in_doubt:
        judged, size = found[path], float(np.max(np.abs(setting.claimed.floats[path].astype(float))))
        if changes[path] > IS_ROUNDING * size:
            found[path] = Judged(replace(judged.report, right=True, undecided=False), judged.wrong)
    return replace(verdicts, by_input=found)


# ------------------------------------------------------------------------------------------------------ constants


def _by_constants(judged: Judged, allowed: np.ndarray) -> Judged:
    """The verdict on an input that is right within the rounding of its constants, with the digits that remain."""
    report = judged.report
    if not report.right or report.digits_in_balls is None or not np.any(allowed):
        return judged
    if report.digits_in_balls >= DIGITS:  # constants do not affect this input
        return judged
    return Judged(replace(report, constants=report.digits_in_balls), judged.wrong)


def _constants_explain(setting: Setting) -> dict[str, np.ndarray] | None:
    """By path, the error that the rounding of constants can explain; None if it explains nothing or cannot be
    evaluated."""
    balls = setting.answers.get("balls")
    if balls is None or setting.problem.definition is not None:
        return None
    met = _constants_met(setting)
    if met is not None and not met.column:
        return None
    kept, digits = _numbers_of(setting), _digits_that_show(balls)
    try:
        counted = Constants(kept)
        with noted(counted):
            here = _difference(setting, digits)
        rows = next((n for n in (1, 2, 4, ROWS) if n >= len(counted.column)), ROWS) if counted.column else 0
        if not rows:
            return None
        together = {p: np.zeros(np.shape(v)) for p, v in here.items()}
        for row in range(rows):
            moved = Constants(kept)
            moved.column, moved.row, moved.size = counted.column, row, SIZE
            with noted(moved):
                there = _difference(setting, digits)
            for path in together:
                with precision(2 * digits):
                    change = midpoints((there[path] - here[path]) / ball(SIZE))
                together[path] = np.hypot(together[path], change)  # the square of 1e-170 is no float
    except CannotEvaluate:
        return None
    # Each constant moves by one unit: together, up to ROWS of them change the result by at most √n times the root mean
    # square.
    each = ROUNDED * math.sqrt(min(len(counted.column), ROWS))
    allowed = {p: each * v / math.sqrt(rows) for p, v in together.items()}
    return _in_shape(setting, allowed)


def _tolerances_explain(
    setting: Setting, floor: Mapping[str, np.ndarray], wrong: list[str]
) -> dict[str, np.ndarray] | None:
    """By path, the error where it falls in step with the small powers of ten in the code, at which its loops stop; None
    if no error does. Errors of other causes are not reduced. An error that shows in floats is not excused: there, a
    small power of ten is an epsilon that the claim leaves out."""
    balls = setting.answers.get("balls")
    if setting.claimed.balls is None or balls is None or setting.problem.definition is not None:
        return None
    here = {path: np.max(_errors(setting, balls, path), initial=0.0) for path in setting.claimed.floats}
    if not any(2 * here[path] <= np.min(floor[path], initial=np.inf) for path in wrong):
        return None
    met = _constants_met(setting)
    if met is not None and not met.has_tolerance:
        return None
    try:
        sharper = Constants(_numbers_of(setting))
        sharper.tolerances_times = SHARPER
        with noted(sharper):
            there = _difference(setting)
    except CannotEvaluate:
        return None
    found = {}
    for path, before in here.items():
        after = np.max(magnitudes(there[path]), initial=0.0)
        is_excused = after <= STEP * before and 2 * before <= np.min(floor[path], initial=np.inf)
        allowed = 2 * before if is_excused else 0.0
        found[path] = np.full(np.shape(setting.claimed.floats[path]), allowed)
    return found if any(np.any(v) for v in found.values()) else None


def _constants_met(setting: Setting) -> Constants | None:
    """The constants of the author's code, from one evaluation of it: without any, the many that a difference takes show
    nothing. None if it fails, as a difference then does too."""
    problem, met = setting.problem, Constants(_numbers_of(setting))
    calls: list[tuple[Any, ...]] = [(problem.function, problem.inputs)]
    if setting.claimed.balls is not None:
        calls.append((problem.gradients, problem.inputs, setting.cotangents))
    try:
        with noted(met), precision(DIGITS):
            for function, *given in calls:
                lift(function, *given)(*jax.tree.map(lambda v: as_balls(v).copy(), given))
    except (Exception, SystemExit):
        return None
    return met


def _may_be_constants(setting: Setting, wrong: list[str]) -> bool:
    """Whether the claim's error in one of these inputs is as small as rounding makes it."""
    balls = setting.answers.get("balls")
    if balls is None:
        return False

    def is_small(path: str) -> bool:
        size = np.max(np.abs(midpoints(balls.gradients[path])), initial=0.0)
        return bool(np.all(_errors(setting, balls, path) <= EXPLAINABLE * size))

    return any(map(is_small, wrong))


def _errors(setting: Setting, balls: Answer, path: str) -> np.ndarray:
    """The claim's errors, in balls if it runs in them: for every element, or along the directions."""
    claimed: Mapping[str, Any] = setting.claimed.floats if setting.claimed.balls is None else setting.claimed.balls
    with precision(setting.digits + 20):
        value = _in_form_of(as_balls(claimed[path]), balls, path)
        return np.abs(midpoints(as_balls(value - as_balls(balls.gradients[path]))))


def _in_form_of(value: Any, answer: Answer, path: str) -> Any:
    """A gradient in the form of an answer: if the answer has directions, its sums along them."""
    if answer.directions is None:
        return value
    along = as_balls(answer.directions[path])
    return as_balls((value[None] * along).sum(axis=tuple(range(1, along.ndim))))


def _numbers_of(setting: Setting) -> set[float]:
    """The input numbers of a large problem, which would look like constants to a function of steps along directions."""
    if not is_large(setting.problem):
        return set()
    directions = directions_of(setting.problem, setting.seed, list(setting.claimed.floats))
    trees = (setting.problem.inputs, directions)
    return {float(x) for v in jax.tree.leaves(trees) for x in np.ravel(np.asarray(v, dtype=np.float64))}


def _digits_that_show(answer: Answer) -> int:
    """DIGITS of the smallest gradient: DIGITS of a tanh at 57, whose slope is 1e-50, show nothing of its slope."""
    sizes = (float(np.max(magnitudes(as_balls(v)), initial=0.0)) for v in answer.gradients.values())
    smallest_size = min((size for size in sizes if size), default=1.0)
    return min(DIGITS - min(0, math.floor(math.log10(smallest_size))), MOST_DIGITS)


def _difference(setting: Setting, digits: int = DIGITS) -> dict[str, Any]:
    """Claim minus truth, in balls, by path; for a claim that cannot run in balls, zero minus truth, since only changes
    matter."""
    problem, wanted = setting.problem, list(setting.claimed.floats)
    answer = ask("balls", problem, setting.cotangents, digits, setting.seed, wanted)
    claimed: Mapping[str, Any] = {p: np.zeros(np.shape(v)) for p, v in setting.claimed.floats.items()}
    with precision(2 * digits):
        if setting.claimed.balls is not None:
            evaluate = lift(problem.gradients, problem.inputs, setting.cotangents)
            read = (jax.tree.map(lambda v: as_balls(v).copy(), t) for t in (problem.inputs, setting.cotangents))
            claimed = paths(evaluate(*read))
        return {
            path: as_balls(_in_form_of(as_balls(claimed[path]), answer, path) - as_balls(answer.gradients[path]))
            for path in wanted
        }


def _in_shape(setting: Setting, allowed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The allowance of every element; the allowance of a sum along a direction is shared by its elements. Zero if the
    claim's error in balls is far smaller than the rounding of constants would make it."""
    balls = setting.answers["balls"]
    found = {}
    for path, most in allowed.items():
        if balls.directions is not None:
            along = balls.directions[path]
            weight = np.min(np.abs(along).sum(axis=tuple(range(1, along.ndim))))
            most = np.full(np.shape(setting.claimed.floats[path]), np.max(most, initial=0.0) / weight)
        # A remainder this small is truncation of the differences, not the effect of a constant.
        sizes = magnitudes(as_balls(balls.gradients[path]))
        size = np.max(sizes, initial=0.0)
        found[path] = np.where(most > 10.0**-DIGITS * size, most, 0.0)
        if balls.directions is None and np.any(found[path]):
            found[path] = np.maximum(found[path], _explain_tiny_elements(sizes, size))
        doubt = np.max(magnitudes(as_balls(balls.doubt[path])), initial=0.0)
        error = np.max(_errors(setting, balls, path), initial=0.0)
        largest = np.max(found[path], initial=0.0)
        orders = (largest, SECOND_ORDER * largest)
        is_of_an_order = error <= doubt or error > largest or any(TOO_SMALL * k <= error <= k for k in orders)
        if setting.claimed.balls is not None and not is_of_an_order:
            found[path] = np.zeros(np.shape(most))
    return found


def _explain_tiny_elements(sizes: np.ndarray, largest: float) -> np.ndarray:
    """The error that rounded constants explain in elements so small beside the largest that differences of DIGITS
    digits do not see them change. They are exponentials or powers, whose relative error grows with the exponent."""
    tiny = (sizes > 0) & (sizes < 10.0 ** -(DIGITS // 2) * largest)
    logarithm = np.abs(np.log(sizes / largest, where=tiny, out=np.zeros(np.shape(sizes))))
    return np.where(tiny, ROUNDED * math.sqrt(ROWS) * 2.0**-53 * sizes * (1 + logarithm), 0.0)
