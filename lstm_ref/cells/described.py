"""Descriptions of a cell: its parameter count as a formula, its source, and its equations as they stand in the code."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections import Counter
from math import prod
from typing import NamedTuple

from lstm_ref.cells.cell import Cell, factors, named

_TAG = re.compile(r"# (?P<tag>[A-Z]{1,2}\d+\*?)(?P<rest>.*)$")


class TaggedLine(NamedTuple):
    """One line of code that has a tag."""

    tag: str
    code: str
    comment: str
    """The text of the line's comment after the tag."""


def parameters(cell: Cell) -> str:
    """The number of parameters as a polynomial of the sizes: "4DH + 4H² + 4H"."""
    terms: Counter[str] = Counter()
    for shape in named(cell.params).values():
        parts = [factors(axis) for axis in shape.split()]
        letters = Counter(sorted(s for _, found in parts for s in found))
        term = "".join(s + {1: "", 2: "²", 3: "³"}[n] for s, n in letters.items())
        terms[term] += prod(number for number, _ in parts)
    return " + ".join(f"{n if n > 1 or not term else ''}{term}" for term, n in terms.items())


def number_of_parameters(cell: Cell, D: int, H: int, **sizes: int) -> int:
    """The number of parameters for these sizes."""
    return sum(prod(shape) for shape in named(cell.parameter_shapes(D, H, **sizes)).values())


def states(cell: Cell) -> str:
    """The names and shapes of the state's arrays: "h (B, H), c (B, H)"."""
    return ", ".join(f"{name} ({', '.join(shape.split())})" for name, shape in named(cell.state).items())


def source(cell: Cell) -> str:
    """The paper and its equations, from the docstring of the cell's module."""
    text = inspect.getdoc(sys.modules[cell.backward.__module__]) or ""
    return " ".join(text.partition("Source:")[2].split())


def equations(cell: Cell) -> tuple[list[TaggedLine], list[TaggedLine]]:
    """The tagged lines of the forward and of the backward function, as they stand in the code."""
    forward, backward = (_tagged(inspect.getsource(f)) for f in (cell.forward, cell.backward))
    return forward, backward


def _tagged(text: str) -> list[TaggedLine]:
    text = textwrap.dedent(text)
    lines, found = text.splitlines(), []
    for statement in ast.walk(ast.parse(text)):
        if isinstance(statement, ast.Assign):
            comments = (_TAG.search(line) for line in lines[statement.lineno - 1 : statement.end_lineno])
            if match := next(filter(None, comments), None):
                code = ast.unparse(statement)
                code = re.sub(r"^\((.*?)\) = ", r"\1 = ", code)  # several names at once, without their parentheses
                found.append((statement.lineno, TaggedLine(match["tag"], code, match["rest"].strip(" ,"))))
    return [equation for _, equation in sorted(found, key=lambda pair: pair[0])]
