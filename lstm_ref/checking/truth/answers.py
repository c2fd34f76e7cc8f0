"""The oracles' answers to a problem: for every element or, for large problems, along random directions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic.balls import as_balls, is_balls, midpoints
from lstm_ref.checking.code.size import MANY_DIRECTED, MANY_ELEMENTS, VERY_MANY_ELEMENTS, is_large, is_very_large
from lstm_ref.checking.function.rerun import without_custom_rules
from lstm_ref.checking.problem import Problem
from lstm_ref.errors import BadInput, CannotEvaluate, LstmRefError, defect, described, is_defect
from lstm_ref.graph.lift import lift
from lstm_ref.graph.trace import graph_at
from lstm_ref.leaves import paths
from lstm_ref.oracles import ORACLES, Estimate
from lstm_ref.oracles.balls import comparison_precision
from lstm_ref.oracles.reverse import pullback, reverse
from lstm_ref.oracles.torch_autograd import torch_estimator

# These oracles need one or more evaluations per element; they check larger problems along random directions instead.
BY_ELEMENT = {"balls", "complex", "forward", "differences"}
BY_RULES = {"reverse", "forward"}
BY_VALUES = {"balls", "complex"}
FLOAT64_ALONE = {"complex", "differences"}
DIRECTIONS = 4


def oracles_to_ask(problem: Problem, oracles: Iterable[str] | None) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """The oracles to ask, out of those named or all, and why others are left out. Raises BadInput for an unknown
    name."""
    names = tuple(ORACLES) if oracles is None else tuple(oracles)
    for name in names:
        if name not in ORACLES:
            raise BadInput(f"unknown oracle {name!r}: there are {', '.join(ORACLES)}")
    if not names:
        raise BadInput(f"no oracle named: there are {', '.join(ORACLES)}")
    if oracles is not None:
        return names, []
    is_jax = problem.forward.is_traceable
    if is_very_large(problem):
        few = len(jax.tree.leaves(problem.inputs)) <= MANY_DIRECTED
        # The tracer is our own code, so it does not judge alone if values can be checked along a few directions.
        asked: tuple[str, ...] = ("reverse",) if is_jax else ("trace", "differences") if few else ("trace",)
        if problem.forward.is_torch:
            asked = (*asked, "torch")
        why = (
            f"over {VERY_MANY_ELEMENTS} elements, or {MANY_ELEMENTS} in over {MANY_DIRECTED} inputs, only "
            f"{asked[0]} is asked, which compares every element; name this oracle to ask it too"
        )
        return asked, [(name, why) for name in names if name not in asked]
    # For JAX code, reverse mode sees every element; for a few elements, every oracle does.
    names = tuple(name for name in names if name != "trace" or (is_large(problem) and not is_jax))
    if problem.forward.is_torch:  # last, because they may not be needed
        names = (*(name for name in names if name != "differences"), "differences")
    return names, []


class Answer(NamedTuple):
    """An oracle's gradients by path, for every element or along directions, as float64 arrays or balls, and its own
    error."""

    gradients: dict[str, Any]
    doubt: dict[str, Any]
    at_kink: bool
    directions: dict[str, np.ndarray] | None
    """By path, the directions (DIRECTIONS, ...) in which the oracle was asked, if it was."""


class Truth(NamedTuple):
    """The oracles' answers, and the names of those that could not be asked, with the reason."""

    answers: dict[str, Answer]
    skipped: tuple[tuple[str, str], ...]

    @property
    def decisive(self) -> set[str]:
        """The oracles that decide: the sharpest oracle that uses only values, if it saw every element.

        If that oracle used directions, the oracles that saw every element decide with it. Without an oracle that uses
        only values, all decide together.
        """
        for name in ("balls", "complex"):
            if name in self.answers:
                whole = {n for n, a in self.answers.items() if a.directions is None}
                return {name} if name in whole else {name, *whole}
        return set(self.answers)

    def gradients(self) -> dict[str, np.ndarray] | None:
        """The gradients by path, in floats, of the sharpest oracle that saw every element; None if none did."""
        decisive = self.decisive
        for name in (*(n for n in self.answers if n in decisive), *self.answers):
            if self.answers[name].directions is None:
                return {
                    path: midpoints(v) if is_balls(v) else np.asarray(v, np.float64)
                    for path, v in self.answers[name].gradients.items()
                }
        return None

    @property
    def at_kink(self) -> bool:
        """Whether a kink lies at the inputs. Balls see every comparison of equal numbers; differences, which may
        mistake a bend for a kink, count only if balls do not decide."""
        return any(a.at_kink for name, a in self.answers.items() if name == "balls" or "balls" not in self.decisive)


def ask_oracles(
    problem: Problem, cotangents: Any, wanted: list[str], oracles: Iterable[str] | None, digits: int, seed: int
) -> Truth:
    """Ask every oracle, or those named, about the `wanted` paths. Raises BadInput for an unknown name, or if no oracle
    applies."""
    names, left_out = oracles_to_ask(problem, oracles)
    if problem.definition is not None:
        found = ask_definition(problem, cotangents, digits)
    else:
        found = _ask(names, problem, cotangents, digits, seed, wanted, spared=oracles is None)
        if not found.answers and oracles is None:  # the one oracle that sees all of a large problem cannot be asked
            others = _ask(tuple(n for n, _ in left_out), problem, cotangents, digits, seed, wanted)
            found, left_out = Truth(others.answers, found.skipped + others.skipped), []
    found = found._replace(skipped=(*left_out, *found.skipped))
    if not found.answers:
        raise BadInput(
            f"{problem.name}: no oracle could be asked: " + "; ".join(f"{name}: {why}" for name, why in found.skipped)
        )
    return found


def _ask(
    names: tuple[str, ...],
    problem: Problem,
    cotangents: Any,
    digits: int,
    seed: int,
    wanted: list[str],
    spared: bool = False,
) -> Truth:
    """The answers of these oracles; if `spared`, without differences that would add nothing."""
    answers: dict[str, Answer] = {}
    skipped = []
    for name in names:
        if spared and name == "differences" and _need_no_differences(answers):
            skipped.append((name, NO_DIFFERENCES))
            continue
        judges = not any(a.directions is None for n, a in answers.items() if n in BY_VALUES)
        try:
            answers[name] = ask(name, problem, cotangents, digits, seed, wanted, judges)
        except CannotEvaluate as error:
            skipped.append((name, str(error)))
    return Truth(answers, tuple(skipped))


NO_DIFFERENCES = "balls compared the code's values, and torch's autograd every element; name this oracle to ask it too"


def _need_no_differences(answers: dict[str, Answer]) -> bool:
    """Whether balls have answered, and torch's autograd, which shares no code with them, for every element, and so has
    either balls or the graph. A third of the time would go into values that have fewer digits."""
    whole = {name for name, answer in answers.items() if answer.directions is None}
    return "balls" in answers and "torch" in whole and not whole.isdisjoint({"balls", "trace"})


def ask(
    name: str, problem: Problem, cotangents: Any, digits: int, seed: int, wanted: list[str], judges: bool = True
) -> Answer:
    """One oracle's answer; only for the `wanted` paths if it uses directions.

    If `judges`, autodiff ignores the user's derivative rules: a rule must not be its own judge. Raises CannotEvaluate,
    also if the function fails at the oracle's own inputs, which are float64.
    """
    try:
        return _answer_of(name, problem, cotangents, digits, seed, wanted, judges)
    except LstmRefError:
        raise
    except Exception as error:
        why = defect(error) if is_defect(error) else f"the function fails in float64: {described(error)}"
        raise CannotEvaluate(why) from error


def _answer_of(
    name: str, problem: Problem, cotangents: Any, digits: int, seed: int, wanted: list[str], judges: bool
) -> Answer:
    oracle: Callable[..., Estimate] = ORACLES[name]
    extra = {"digits": digits} if name == "balls" else {}
    if problem.single and name in FLOAT64_ALONE:
        raise CannotEvaluate("JAX can trace the function only in float32")
    function = problem.function
    inputs = jax.tree.map(lambda v: np.asarray(v, np.float32 if problem.single else np.float64), problem.inputs)
    if judges and name in BY_RULES and problem.forward.has_own_rules:
        function = without_custom_rules(function, but_jaxs_own=True)
    if not (is_large(problem) and name in BY_ELEMENT):
        return _answer(oracle(function, inputs, cotangents, **extra))
    directions = directions_of(problem, seed, wanted)
    at = {p: np.zeros(DIRECTIONS) for p in wanted}
    along = _along(_values_of(function, inputs) if name == "balls" else function, inputs, directions)
    return _answer(oracle(along, at, cotangents, **extra))._replace(directions=directions)


def _values_of(function: Callable[..., Any], inputs: Any) -> Callable[..., Any]:
    """The function, or for torch code, which balls follow through its graph alone, that graph as JAX code: the code
    along directions is then not traced anew."""
    if not hasattr(function, "torch"):
        return function
    graph = graph_at(function, inputs)
    return function if graph.casts or graph.tied else graph.as_jax


def directions_of(problem: Problem, seed: int, wanted: list[str]) -> dict[str, np.ndarray]:
    """Random directions (DIRECTIONS, ...) by path. All numbers differ: with entries of ±1, two exchanged elements would
    show only in every second direction."""
    rng, known = np.random.default_rng(seed), paths(problem.inputs)
    shapes = {p: (DIRECTIONS, *np.shape(known[p])) for p in wanted}
    return {p: rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape) for p, shape in shapes.items()}


def _along(function: Callable[[Any], Any], inputs: Any, directions: dict[str, np.ndarray]) -> Callable[[Any], Any]:
    """The function of the step lengths t[path] (DIRECTIONS,) along the directions, in any arithmetic."""
    places = {id(leaf): path for path, leaf in paths(inputs).items()}

    def at(t: dict[str, Any], array: Callable[[Any], Any]) -> Any:
        """The inputs moved by t, as arrays or tensors."""

        def step(leaf: Any) -> Any:
            path = places[id(leaf)]
            if path not in directions:
                return array(leaf)
            return array(leaf) + sum(t[path][k] * array(directions[path][k]) for k in range(DIRECTIONS))

        return jax.tree.map(step, inputs)

    def moved(t: dict[str, Any]) -> Any:
        return function(at(t, np.asarray))

    if hasattr(function, "torch"):
        from torch import tensor

        moved.torch = lambda t: function.torch(at(t, tensor))  # type: ignore[attr-defined]
    return moved


def _answer(estimate: Estimate) -> Answer:
    gradients = paths(estimate.gradients)
    doubt = dict.fromkeys(gradients, 0.0) if estimate.error is None else paths(estimate.error)
    return Answer(gradients, doubt, estimate.at_kink, None)


def ask_definition(problem: Problem, cotangents: Any, digits: int) -> Truth:
    """The truth for a declared estimator: autodiff of its definition, which cuts where the author cuts."""
    definition = problem.definition
    assert definition is not None
    answers, skipped = {}, []
    inputs = jax.tree.map(lambda v: np.asarray(v, dtype=np.float64), problem.inputs)
    if hasattr(definition, "torch"):
        try:
            return Truth({"torch": _answer(torch_estimator(definition, inputs, cotangents))}, ())
        except CannotEvaluate as error:
            return Truth({}, (("torch", str(error)),))
    try:
        autodiff = lift(lambda x: pullback(definition, x, cotangents), inputs)
        with comparison_precision(digits):
            answers["balls"] = _answer(Estimate(autodiff(jax.tree.map(as_balls, inputs))))
    except CannotEvaluate as error:
        skipped.append(("balls", str(error)))
    try:
        answers["reverse"] = _answer(reverse(definition, inputs, cotangents))
    except CannotEvaluate as error:
        skipped.append(("reverse", f"the definition of the estimator must be JAX code: {error}"))
    return Truth(answers, tuple(skipped))
