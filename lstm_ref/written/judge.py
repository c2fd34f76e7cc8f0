"""Whether a line of a backward pass is right: whether its sides, on true values and true adjoints, are equal.

Since a line reads true adjoints whatever the lines above claim, no line inherits another's mistake.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_ref.arithmetic.balls import as_balls, magnitudes, precision, radii
from lstm_ref.written.evaluate import CannotRead, Misfit, NotThen, World, evaluate, step_of
from lstm_ref.written.reading import BackwardLine
from lstm_ref.written.terms import Adj, SumT, Sym, Term, Time, children
from lstm_ref.written.truth import DIGITS, PageTruth

FILTER = 1e-6
"""Relative difference of floats above which balls need not be asked. Terms of a few dozen operations round at 1e-14;
random numbers agree to 1e-6 by chance once in a million."""
WORTH = 30
"""Digits that a line which is right agrees to, at least: balls of 50 digits lose a few."""


@dataclass(frozen=True)
class LineVerdict:
    """One line's verdict: "right", "wrong" or "unchecked"."""

    verdict: str
    digits: float = math.inf
    step: int | None = None
    """The first step at which it is wrong."""
    of_steps: tuple[int, int] = (0, 0)
    """At how many steps it is wrong, of how many."""
    reason: str = ""


def times_of(term: Term) -> Iterator[Time]:
    """The times that a term reads, outside of sums over time."""
    if isinstance(term, SumT):
        return
    if isinstance(term, Sym) and term.time is not None:
        yield term.time
    if isinstance(term, Adj) and term.of.time is not None:
        yield term.of.time
    for _, child in children(term):
        yield from times_of(child)


def is_per_step(term: Term) -> bool:
    """Whether the term's value depends on t."""
    return any(time.anchor == "t" for time in times_of(term))


def is_contribution(line: BackwardLine) -> bool:
    """Whether it says what one step contributes to the gradient of a parameter."""
    timeless = isinstance(line.left, Adj) and not any(True for _ in times_of(line.left))
    return timeless and is_per_step(line.right)


def steps_of(line: BackwardLine, right: Term, world: World) -> list[int]:
    """The steps at which a line speaks."""
    if not is_per_step(line.left) and not is_per_step(right):
        return [1]
    target = line.left.of if isinstance(line.left, Adj) else line.left if isinstance(line.left, Sym) else None
    found = []
    for t in range(1, world.steps + 1):
        if isinstance(line.left, Adj) and target is not None and target.time is not None:
            at = step_of(target.time, t, world.steps)
            if at < 1 and (target.name, at) not in world.adjoints:
                continue
        found.append(t)
    return found


def sides(line: BackwardLine, right: Term, world: World, summed: bool) -> Iterator[tuple[int, Any, Any]]:
    """Both sides at every step where they exist.

    Args:
        line: The line.
        right: Its right side, or an edited one.
        world: The numbers.
        summed: Whether a step's contribution to a parameter is added up over the steps.
    """
    if summed and is_per_step(right):
        right = SumT(right)
    for t in steps_of(line, right, world):
        try:
            pair = evaluate(line.left, world, t - _assigned(line, world)), evaluate(right, world, t)
        except NotThen:
            continue
        yield t, *pair


def _assigned(line: BackwardLine, world: World) -> int:
    """1 for a line that gives, with an arrow, what the step before reads."""
    meaning = world.meanings.get(line.left.name) if isinstance(line.left, Sym) else None
    return int(line.equation.assigns and meaning is not None and meaning.kind == "auxiliary")


def holds_in_floats(line: BackwardLine, right: Term, truth: PageTruth, summed: bool) -> bool:
    """Whether the sides are equal as far as floats can see. Fast, for searches; balls have the last word."""
    seen = False
    try:
        with np.errstate(all="ignore"):
            for t, left, value in sides(line, right, truth.floats, summed):
                if _is_left_out(line, right, truth, t):
                    continue
                seen = True
                if not _close(left, value):
                    return False
    except (Misfit, CannotRead):
        return False
    return seen


def _close(left: Any, right: Any) -> bool:
    left, right = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    if left.shape != right.shape and left.size != 1 and right.size != 1:
        return False
    size = max(np.max(np.abs(left), initial=0.0), np.max(np.abs(right), initial=0.0))
    return bool(np.max(np.abs(left - right), initial=0.0) <= FILTER * size)


def _is_left_out(line: BackwardLine, right: Term, truth: PageTruth, t: int) -> bool:
    """A recursion says nothing about the last step of a value that the loss or the forward pass reads at that step
    alone."""
    if not isinstance(line.left, Adj) or line.left.of.time is None:
        return False
    at = step_of(line.left.of.time, t, truth.balls.steps)
    of_last = (*truth.scope.of_last, *(truth.scope.outputs if truth.scope.kind == "last" else ()))
    return line.left.of.name in of_last and at == truth.balls.steps and line.left.of.time.anchor == "t"


def judged(line: BackwardLine, right: Term, truth: PageTruth, summed: bool) -> LineVerdict:
    """The verdict of balls on a line.

    Args:
        line: The line.
        right: Its right side, or an edited one.
        truth: Values and adjoints.
        summed: Whether a step's contribution to a parameter is added up over the steps.
    """
    wrong: list[int] = []
    digits, seen, reason = math.inf, 0, ""
    with precision(DIGITS):
        try:
            for t, left, value in sides(line, right, truth.balls, summed):
                if _is_left_out(line, right, truth, t):
                    continue
                seen += 1
                agrees, found = _compared(left, value)
                digits = min(digits, found)
                if not agrees:
                    wrong.append(t)
        except Misfit as misfit:
            return LineVerdict("wrong", 0.0, None, (0, 0), f"the shapes do not fit: {misfit}")
        except CannotRead as error:
            return LineVerdict("unchecked", reason=str(error))
    if not seen:
        return LineVerdict("unchecked", reason="it reads something that no equation of the page defines")
    if wrong:
        return LineVerdict("wrong", digits, wrong[0], (len(wrong), seen), reason)
    return LineVerdict("right", digits)


def _compared(left: Any, right: Any) -> tuple[bool, float]:
    """Whether two arrays of balls agree, and to how many digits of the larger one's magnitude."""
    left, right = as_balls(left), as_balls(right)
    if left.shape != right.shape and left.size != 1 and right.size != 1:
        shapes = ["×".join(map(str, side.shape)) for side in (left, right)]
        raise Misfit(f"the left side is {shapes[0]}, the right side {shapes[1]}")
    difference = as_balls(left - right)
    size = float(np.max(np.maximum(np.max(magnitudes(left)), np.max(magnitudes(right)))))
    if size == 0:
        return True, math.inf
    error = float(np.max(magnitudes(difference)))
    digits = math.inf if error == 0 else -math.log10(error / size)
    if digits >= WORTH:
        return True, digits
    excluded = any(not v.real.contains(0) for v in difference.ravel().tolist())
    if not excluded and float(np.max(radii(difference))) > 0:
        raise CannotRead("balls do not decide it: its numbers cancel")
    return False, digits
