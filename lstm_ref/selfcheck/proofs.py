"""Our own backward passes as terms: which are proven, and a check that none of their mutants is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache, lru_cache, partial
from typing import Any, cast

from lstm_ref.cells import CELLS
from lstm_ref.mistakes.dictionary import dictionary
from lstm_ref.mistakes.source import CANNOT
from lstm_ref.selfcheck.builtin import through_time
from lstm_ref.selfcheck.mutants import EVERY, Mutant, units
from lstm_ref.symbolic.prove import ForwardOnTerms, Proof, compare, prove, run_forward, unproven
from lstm_ref.symbolic.recurrence import prove_bptt
from lstm_ref.symbolic.sizes import CannotProve

BY_THE_LOOP = ("", "-lengths", "-reversed")
"""Kinds of problems through time whose backward pass is that of the plain loop."""


def symbolic(problem: str) -> str | None:
    """Whether the equations of a built-in problem are proven as terms.

    Args:
        problem: Its name, as `selfcheck.builtin.problems` has it.

    Returns:
        "yes", "yes, away from kinks", or "no: " and the reason; None where terms are not used: layers, models, and
        ways through time other than the plain loop.
    """
    part, _, name = problem.partition("/")
    cell, dash, kind = name.partition("-")
    if cell not in CELLS or part not in ("cell", "time") or (part == "cell" and dash) or dash + kind not in BY_THE_LOOP:
        return None
    step = of_cell(cell)
    if part == "time" and step.proven and not of_loop().proven:
        return of_loop().sentence
    return step.sentence


@cache
def of_cell(name: str) -> Proof:
    """The proof of a cell's step, by its name in `CELLS`."""
    return prove(CELLS[name])


@cache
def of_loop() -> Proof:
    """The proof of the plain loop."""
    return prove_bptt()


def mutants(unit: str, which: slice = EVERY) -> Iterator[Mutant]:
    """The mutants of a cell's step, or of the plain loop, that are judged as terms; none for any other unit.

    A cell's mutants are those of its dictionary, which run on its example's numbers; how they run through time does not
    matter.
    """
    if unit.startswith("cells/"):
        cell = CELLS[unit.removeprefix("cells/")]
        entries = dictionary(cell.name)
        for edit in entries.edits[which]:
            wrong = cell._replace(backward=entries.step_with([edit]))
            yield Mutant(unit, edit.kind, edit.tag, edit.sentence, edit.wrong, (partial(through_time, wrong),))
    elif unit == "sequence":
        yield from (m for m in units()[unit](which) if "through" in cast(partial[Any], m.problems[0]).keywords)


def judged(mutant: Mutant) -> Proof:
    """The proof of a mutant, which must fail: by a line that differs from the derivative, or because the code has no
    reading as terms."""
    wrong: Any = mutant.problems[0]
    started = time.perf_counter()
    try:
        if mutant.unit.startswith("sequence."):
            return prove_bptt(wrong.keywords["through"].backward)
        (cell,) = wrong.args
        return compare(cell.name, _forward(cell.name), cell.backward, started)
    except CannotProve as error:
        return unproven(mutant.unit, str(error), started)
    except (*CANNOT, NameError) as error:  # what fits some numbers need not fit sizes that are letters
        return unproven(mutant.unit, f"{type(error).__name__}: {error}", started)


@lru_cache(maxsize=1)
def _forward(name: str) -> ForwardOnTerms:
    """The right cell's forward, once for all its mutants, with the same sizes left open as in its own proof."""
    fixed = dict(CELLS[name].sizes) if ";" in of_cell(name).sizes else {}
    return run_forward(CELLS[name], fixed)
