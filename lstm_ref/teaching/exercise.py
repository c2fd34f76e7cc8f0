"""An exercise: a cell's forward and backward pass written to a file, with a mistake of the dictionary in the backward.

The file holds the cell, the level and the seed, and not what is wrong: hints are found from the file as it stands
(`grade`), so they stay true while the student works on it.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from lstm_ref.cells import CELLS, Cell
from lstm_ref.errors import BadInput
from lstm_ref.mistakes.dictionary import dictionary
from lstm_ref.mistakes.source import Edit, Source

LEVELS = {
    1: "one term is missing, doubled, or has the wrong sign",
    2: "one factor, derivative or value is the wrong one",
    3: "two things are wrong, in two lines",
}
_FIRST = {"dropped", "doubled", "negated"}
_SECOND = {
    "factor left out",
    "factor twice",
    "wrong derivative",
    "derivative of the wrong value",
    "fed from a neighbour",
    "copied",
    "mean for sum",
}
_KINDS = {1: _FIRST, 2: _SECOND, 3: _FIRST | _SECOND}
_GIVEN_AWAY = ("np.", "0 *", "tape.")
"""What only an edit writes: code with it would show its place at once."""
_WIDTH = 110


class Exercise(NamedTuple):
    """What to mend: how hard it is, and the seed that determines the mistake."""

    cell: str
    level: int
    seed: int


def text(exercise: Exercise) -> str:
    """The file of an exercise. The same exercise gives the same file.

    Raises BadInput for a cell that cannot be written as a file of its own, and for a level without a mistake.
    """
    if exercise.cell not in CELLS or not _can_be_written(CELLS[exercise.cell]):
        raise BadInput(f"there is no exercise on {exercise.cell!r}; there are {', '.join(cells())}")
    if exercise.level not in LEVELS:
        raise BadInput(f"there is no level {exercise.level}; the levels are {', '.join(map(str, LEVELS))}")
    cell = CELLS[exercise.cell]
    forward = _function("forward", "p, state, x", Source(cell.forward).statements())
    backward = _function("backward", "p, tape, bar", Source(cell.backward).statements(_planted(exercise)))
    head = _HEAD.format(**exercise._asdict(), wrong=LEVELS[exercise.level])
    imports = [line for line in _names(cell) if "import " in line]
    constants = [f'CELL = "{cell.name}"  # level {exercise.level}, seed {exercise.seed}']
    constants += [line for line in _names(cell) if "import " not in line]
    return "\n".join([head, *sorted(imports), "", *constants, "", "", forward, "", backward])


_HEAD = '''"""Exercise: mend the backward pass of the cell {cell}.

In `backward`, {wrong}. All else is right: `forward` is there to be read.
`lstm-ref show TAG` prints the derivation of the line that ends in this tag.

    lstm-ref exercise FILE                   Is it right now?
    lstm-ref exercise FILE --hint symptom    Which gradients are wrong?
    lstm-ref exercise FILE --hint place      In which line?
    lstm-ref exercise FILE --hint term       What is wrong there?
"""
'''


def cells() -> list[str]:
    """The cells on which there are exercises."""
    return [name for name, cell in CELLS.items() if _can_be_written(cell)]


def _can_be_written(cell: Cell) -> bool:
    """Whether all that the cell's code reads can be imported or written down, and no helper has equations too."""
    return all(_names(cell)) and not Source(cell.backward).helpers


# ------------------------------------------------------------------------------------------------- the mistake


def _planted(exercise: Exercise) -> list[Edit]:
    """The edits, chosen by the seed."""
    rng = np.random.default_rng([exercise.level, exercise.seed])
    known = dictionary(exercise.cell)
    edits = [e for e in known.edits if e.kind in _KINDS[exercise.level] and not _gives_itself_away(e)]
    if not edits:
        raise BadInput(f"{exercise.cell} has no mistake of level {exercise.level}")
    order = [edits[k] for k in rng.permutation(len(edits))]
    if exercise.level < 3:
        return order[:1]
    second = next((e for e in order[1:] if e.tag != order[0].tag), None)
    if second is None:
        raise BadInput(f"{exercise.cell} has no two lines that can be wrong at once")
    return [order[0], second]


def _gives_itself_away(edit: Edit) -> bool:
    return bool(edit.helper) or any(sign in edit.wrong and sign not in edit.equation for sign in _GIVEN_AWAY)


# ---------------------------------------------------------------------------------------------------- the text


def _names(cell: Cell) -> list[str]:
    """Lines that make known every name that the cell's code reads; one is empty where that cannot be written."""
    module = cell.backward.__module__
    imported, others = set(), []
    for function in (cell.forward, cell.backward):
        read = inspect.getclosurevars(function)
        imported |= {name for name in read.globals if name not in ("forward", "backward")}
        others += [_binding(name, value) for name, value in sorted(read.nonlocals.items())]
    modules = {n for n in imported if isinstance(vars(sys.modules[module])[n], ModuleType)}
    lines = [f"import numpy as {name}" if name == "np" else "" for name in sorted(modules)]
    lines += [f"from {module} import {', '.join(sorted(imported - modules))}"] if imported - modules else []
    return lines + list(dict.fromkeys(others))


def _binding(name: str, value: Any) -> str:
    """The line that gives the name its value; empty where no such line can be written."""
    if isinstance(value, Cell):
        return f"from lstm_ref.cells import {value.name} as {name}"
    if value is None or isinstance(value, (bool, int, float, str, tuple)):
        return f"{name} = {value!r}"
    where = inspect.getmodule(value)
    known = getattr(value, "__name__", "")
    return f"from {where.__name__} import {known} as {name}" if getattr(where, known, None) is value else ""  # type: ignore[union-attr]


def _function(name: str, arguments: str, statements: list[tuple[str, str]]) -> str:
    lines = [f"def {name}({arguments}):"]
    for code, tags in statements:
        first, *others = _lines(code)
        lines += [f"    {first}  # {tags}" if tags else f"    {first}", *(f"    {line}" for line in others)]
    return "\n".join(lines) + "\n"


def _lines(code: str) -> list[str]:
    """The statement as a person would write it: a tuple without parentheses; a long one broken at its commas."""
    statement = ast.parse(code).body[0]
    value = getattr(statement, "value", None)
    if isinstance(statement, ast.Expr) and isinstance(value, ast.Constant):
        return [f'"""{value.value!s}"""']
    if len(code) > _WIDTH and "(" in code[max(code.find(" = "), 0) :]:
        return list(_broken(code))
    if isinstance(value, ast.Tuple):
        elements = ", ".join(map(ast.unparse, value.elts))
        return [code.removesuffix(f"({elements})") + elements if code.endswith(f"({elements})") else code]
    return [code]


def _broken(code: str) -> Iterator[str]:
    """The lines of a statement broken inside its first brackets."""
    start = code.index("(", max(code.find(" = "), 0)) + 1
    yield code[:start]
    depth, begun = 0, start
    for k in range(start, len(code)):
        depth += (code[k] in "([") - (code[k] in ")]")
        if depth < 0:
            yield f"    {code[begun:k].strip()},"
            yield code[k:]
            return
        if code[k] == "," and depth == 0:
            yield f"    {code[begun : k + 1].strip()}"
            begun = k + 1
