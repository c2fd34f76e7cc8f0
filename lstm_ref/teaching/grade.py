"""Is an exercise solved? And, only where somebody asks: what shows, in which line, and what is wrong there.

The student's backward pass is checked as any user's is: one step, with the adjoint of every named value. Place and term
are found by running it beside the derived one: the first of its values that differs has the mistake in its line. A
second mistake shows when the first is mended.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.cells import CELLS, Cell
from lstm_ref.checking.checker import check
from lstm_ref.checking.files.derivation_file import naming_lines
from lstm_ref.checking.report import Report
from lstm_ref.errors import BadInput
from lstm_ref.mistakes.dictionary import dictionary
from lstm_ref.mistakes.latex import latex, with_letters
from lstm_ref.mistakes.source import CANNOT, RightSide, Source
from lstm_ref.selfcheck.builtin.common import like, recurrence
from lstm_ref.selfcheck.builtin.recurrences import cell_step, through_time

ORACLES = ("balls", "reverse")


class Submission(NamedTuple):
    """A student's file: the cell with the student's backward pass."""

    cell: Cell
    right: Cell
    """The cell as the package has it."""


class Grade(NamedTuple):
    """A graded exercise."""

    answer: Submission
    report: Report

    @property
    def right(self) -> bool:
        """Whether one step of the backward pass is right, in every gradient and adjoint. Then it is through time."""
        return self.report.right


def grade(path: Path) -> Grade:
    """Grades a file that `exercise.text` wrote and a student changed.

    Raises BadInput where the file is no exercise, or its backward pass does not run.
    """
    answer = _read(path)
    with naming_lines(str(path)):
        report = check(cell_step(answer.cell, _rng()), oracles=ORACLES, explain=False, stateless=True)
    return Grade(answer, report)


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _read(path: Path) -> Submission:
    try:
        code = compile(path.read_bytes(), str(path), "exec")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except (SyntaxError, ValueError) as error:
        raise BadInput(f"{path}: is not Python: {error}") from None
    names: dict[str, Any] = {"__name__": path.stem, "__file__": str(path)}
    with naming_lines(str(path)):
        exec(code, names)
    right = CELLS.get(str(names.get("CELL")))
    if right is None or not callable(names.get("backward")):
        raise BadInput(f"{path}: is no exercise: it must define CELL, the name of a cell, and the function backward")
    return Submission(right._replace(backward=names["backward"]), right)


# ------------------------------------------------------------------------------------------------------- hints


def symptom(grade: Grade) -> list[str]:
    """Which gradients are wrong through six steps of time."""
    report = check(through_time(grade.answer.cell, _rng()), oracles=ORACLES, explain=False, stateless=True)
    wrong = [one for one in report.inputs if not one.right]
    right = [one.name for one in report.inputs if one.right]
    lines = [
        f"The gradient of {one.name} is wrong in {one.wrong_elements} of {one.elements} elements." for one in wrong
    ]
    if not wrong:
        return ["Every gradient through time is right; an adjoint of a named value is wrong, which nothing reads."]
    return lines + ([f"Right are those of {', '.join(right)}."] if right else [])


def place(grade: Grade) -> list[str]:
    """The equation in whose line the first mistake is."""
    wrong = _first_wrong(grade)
    if wrong is None:
        return ["Every value that the page names is right: look at what is returned, and in which order."]
    e = wrong.equation
    return [f"Of the values in the order of the lines, the first wrong one is {_shown(e, grade)}.", _where(e)]


def term(grade: Grade) -> list[str]:
    """What is wrong in that line: the mistake that gives the student's value, or else how the equation is derived."""
    wrong, cell = _first_wrong(grade), grade.answer.right
    if wrong is None:
        return place(grade)
    e = wrong.equation
    derived = f"{e.target} = {_text(e)}"
    lines = [f"  derived  {latex(derived, cell.gates)}"]
    for edit in dictionary(cell.name).edits:
        if edit.helper or edit.equation != derived or not _gives(edit.wrong, wrong):
            continue
        sentence = with_letters(edit.sentence, cell.gates)
        return [
            f"The mistake: {sentence}.",
            *lines,
            f"  found    {latex(edit.wrong, cell.gates)}",
            _where(e),
        ]
    return [f"The value of {_shown(e, grade)} is none that a known mistake gives.", *lines, _where(e)]


HINTS: dict[str, Callable[[Grade], list[str]]] = {"symptom": symptom, "place": place, "term": term}
"""From what shows to what is wrong."""


class _Wrong(NamedTuple):
    """The first wrong value."""

    equation: RightSide
    value: Any
    """The student's."""
    names: dict[str, Any]
    """What the derived pass has named, and what the student's has: all that is read is right."""
    source: Source


def _first_wrong(grade: Grade) -> _Wrong | None:
    """None where no value differs that both name."""
    arguments, source, right = _derived(grade.answer.right)
    given = Source(grade.answer.cell.backward).locals_of(*arguments)
    for equation in source.equations:
        value, derived = (_part(equation, names) for names in (given, right))
        if value is not None and derived is not None and not _same(value, derived):
            return _Wrong(equation, value, right, source)
    return None


@cache
def _derived(cell: Cell) -> tuple[Any, Source, dict[str, Any]]:
    """Arguments of the cell's backward pass, its source, and what it names when it runs on them."""
    arguments, source = _example(cell), Source(cell.backward)
    return arguments, source, source.locals_of(*arguments)


def _example(cell: Cell) -> tuple[Any, Any, Any]:
    """Arguments of a backward step at generic numbers."""
    rng = _rng()
    inputs = recurrence(cell, rng)
    _, tape = cell.forward(inputs["params"], inputs["initial"], jax.tree.map(lambda v: v[0], inputs["xs"]))
    return inputs["params"], tape, like(rng, jax.tree.map(np.shape, inputs["initial"]))


def _part(equation: RightSide, names: dict[str, Any]) -> Any:
    """The value of the equation's target; of a_bar[f] the block, which is as wide as its siblings'."""
    name, block, _ = equation.target.partition("[")
    value = names.get(name)
    if not block or value is None:
        return value
    number = len(equation.siblings)
    k = next(k for k, sibling in enumerate(equation.siblings) if sibling is equation.value)
    return np.split(value, number, -1)[k] if np.shape(value)[-1] % number == 0 else value


def _gives(wrong: str, first: _Wrong) -> bool:
    """Whether the right side of the equation `wrong` has the student's value."""
    try:
        value = first.source.value_of(ast.parse(wrong.rpartition(" = ")[2], mode="eval").body, first.names)
    except (*CANNOT, NameError):
        return False
    return _same(first.value, value)


def _same(a: Any, b: Any) -> bool:
    """Equal but for rounding: at generic numbers, other functions differ in the first digits."""
    return np.shape(a) == np.shape(b) and bool(np.allclose(a, b, rtol=1e-9, atol=1e-12))


def _text(equation: RightSide) -> str:
    return ast.unparse(equation.value)


def _shown(equation: RightSide, grade: Grade) -> str:
    return with_letters(equation.target, grade.answer.right.gates)


def _where(equation: RightSide) -> str:
    return f"  {equation.tag}, see lstm-ref show '{equation.tag}'"
