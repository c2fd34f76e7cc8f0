"""The lines of the backward pass: what each claims, and the symbols whose meaning the page leaves open."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from lstm_ref.written.brackets import flat
from lstm_ref.written.parser import Equation
from lstm_ref.written.reading import NOW, Line, Reading
from lstm_ref.written.terms import Add, Adj, Name, Sym, Term, mapped, symbols


def read_backward(reading: Reading, shown: list[Equation], inline: list[Equation]) -> None:
    """Fills in the lines, and the symbols that are open.

    Args:
        reading: The page, its forward pass read.
        shown: Its displayed backward equations.
        inline: Those of its sentences, read only for symbols that no display defines.
    """
    timed = [*reading.values, *reading.inputs, *reading.targets]

    def with_now(term: Term) -> Term:
        if isinstance(term, Adj):
            return replace(term, of=with_now(term.of))
        if isinstance(term, Sym) and term.name not in reading.known and "\\" in term.name.below:
            bare = replace(term.name, below=re.sub(r"\\(bar|tilde|hat)\s*", "", term.name.below))
            term = Sym(bare, term.time) if bare in reading.parameters else term  # W_z, labelled with z̄
        return Sym(term.name, NOW) if isinstance(term, Sym) and term.time is None and term.name in timed else term

    shown = [replace(e, sides=tuple(mapped(s, with_now) for s in e.sides)) for e in shown]
    inline = [replace(e, sides=tuple(mapped(s, with_now) for s in e.sides)) for e in inline]
    opened: dict[Name, None] = {}
    for e in shown:
        for side in e.sides:
            for name in _open_names(side, reading):
                opened[name] = None
        for right in e.sides[1:]:
            _add_line(reading, Line(e, _opened(e.sides[0], reading), _opened(right, reading)))
    defined = {line.left.name for line in reading.lines if isinstance(line.left, Sym)}
    for e in inline:
        left = _opened(e.sides[0], reading)
        if isinstance(left, Sym) and left.name in opened and left.name not in defined:
            defined.add(left.name)
            reading.lines.append(Line(e, left, _opened(e.sides[1], reading)))
    reading.open = list(opened)


def _add_line(reading: Reading, line: Line) -> None:
    """`A = X` and then `A += Y` is the one line A = X + Y, unless A is a parameter's: there += adds up over steps."""
    of_parameter = isinstance(line.left, Adj) and line.left.of.name in reading.parameters
    if line.equation.accumulates and not of_parameter:
        before = next((x for x in reversed(reading.lines) if x.left == line.left), None)
        if before is not None:
            reading.lines.remove(before)
            line = replace(line, right=Add((before.right, line.right)))
    reading.lines.append(replace(line, right=flat(line.right)))


def _open_names(term: Term, reading: Reading) -> Iterable[Name]:
    for s in symbols(_opened(term, reading)):
        if s.name not in reading.known:
            yield s.name


def _opened(term: Term, reading: Reading) -> Term:
    """The term with adjoints of unknown quantities, as c̄ with the label `next`, made open symbols."""

    def change(one: Term) -> Term:
        if isinstance(one, Adj) and one.of.name not in reading.known:
            return Sym(open_name(one), one.of.time)
        return one

    return mapped(term, change)


def open_name(adjoint: Adj) -> Name:
    """The symbol that an adjoint of something unknown is written with."""
    name = adjoint.of.name
    if adjoint.mark == "bar":
        return replace(name, accent=r"\bar" + name.accent)
    mark = {"frac": r"\partial", "step": r"\partial", "ordered": r"\partial"}.get(adjoint.mark, adjoint.mark)
    return replace(name, letter=f"{mark} {name.letter}")
