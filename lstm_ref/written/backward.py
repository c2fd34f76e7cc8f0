"""The lines of the backward pass: what each claims, and the symbols whose meaning the page leaves open."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from lstm_ref.written.brackets import flat
from lstm_ref.written.parser import WrittenEquation
from lstm_ref.written.reading import NOW, BackwardLine, Reading, Summand
from lstm_ref.written.terms import (
    Add,
    Adj,
    Dot,
    Had,
    Jacobian,
    Name,
    Neg,
    Stack,
    Sym,
    Term,
    Transpose,
    added,
    mapped,
    shifted,
    symbols,
)


def read_backward(reading: Reading, shown: list[WrittenEquation], inline: list[WrittenEquation]) -> None:
    """Fills in the lines, and the symbols that are open.

    Args:
        reading: The page, its forward pass read.
        shown: Its displayed backward equations.
        inline: Those of its sentences, read only for symbols that no display defines.
    """
    timed = {*reading.values, *reading.inputs} - reading.totals
    timed |= set() if reading.loss_of_totals else set(reading.targets)

    def with_now(term: Term) -> Term:
        if isinstance(term, Adj):
            return replace(term, of=with_now(term.of))
        if isinstance(term, Sym) and term.name not in reading.known and "\\" in term.name.below:
            bare = replace(term.name, below=re.sub(r"\\(bar|tilde|hat)\s*", "", term.name.below))
            term = Sym(bare, term.time) if bare in reading.parameters else term  # W_z, labelled with z̄
        return Sym(term.name, NOW) if isinstance(term, Sym) and term.time is None and term.name in timed else term

    shown = [replace(e, sides=tuple(mapped(s, with_now) for s in e.sides)) for e in shown]
    inline = [replace(e, sides=tuple(mapped(s, with_now) for s in e.sides)) for e in inline]
    shown = _without_abbreviations(shown)
    opened: dict[Name, None] = {}
    for e in shown:
        for side in e.sides:
            for name in _open_names(side, reading):
                opened[name] = None
        for right in e.sides[1:]:
            _add_line(
                reading, _upright(BackwardLine(e, _opened(e.sides[0], reading), _opened(right, reading)), reading)
            )
    defined = {line.left.name for line in reading.lines if isinstance(line.left, Sym)}
    for e in inline:
        left = _opened(e.sides[0], reading)
        if isinstance(left, Sym) and left.name in opened and left.name not in defined:
            defined.add(left.name)
            reading.lines.append(BackwardLine(e, left, _opened(e.sides[1], reading)))
    reading.lines = _with_accumulated(reading.lines)
    reading.open = list(opened)


def _without_abbreviations(equations: list[WrittenEquation]) -> list[WrittenEquation]:
    """The equations with ΔC written out, where `ΔC = o ⊙ (1 - tanh²(C))` names a term without adjoints and the page has
    another sign for adjoints."""
    short = {
        e.sides[0]: e.sides[1]
        for e in equations
        if isinstance(e.sides[0], Adj)
        and e.sides[0].mark == r"\Delta"
        and not any(isinstance(t, (Adj, Jacobian)) for t in e.sides[1].subterms)
    }
    others = any(isinstance(t, Adj) and t.mark != r"\Delta" for e in equations for s in e.sides for t in s.subterms)
    if not short or not others:
        return equations
    write_out = lambda t: short.get(t, t) if isinstance(t, Adj) and t.mark == r"\Delta" else t  # noqa: E731
    left = [e for e in equations if write_out(e.sides[0]) is e.sides[0]]
    return [replace(e, sides=tuple(mapped(s, write_out) for s in e.sides)) for e in left]


def _upright(line: BackwardLine, reading: Reading) -> BackwardLine:
    """`δᵀ = …` as a line about δ; and `δz = [δa, δb]ᵀ`, on a page of columns, as the stack of columns that it means."""
    if isinstance(line.left, Transpose) and isinstance(line.left.arg, (Adj, Sym)):
        line = replace(line, left=line.left.arg, right=_transposed(line.right))
    right = line.right
    if not reading.rows and isinstance(right, Transpose) and isinstance(right.arg, Stack) and len(right.arg.rows) == 1:
        line = replace(line, right=Stack(tuple((part,) for part in right.arg.rows[0])))
    return line


def _transposed(term: Term) -> Term:
    """The transpose, brought to the factors. `aᵀ ⊙ b`, for aᵀ diag(b), is that of a ⊙ b."""
    match term:
        case Transpose():
            return term.arg
        case Add():
            return Add(tuple(_transposed(t) for t in term.terms))
        case Neg():
            return Neg(_transposed(term.arg))
        case Had() if isinstance(term.factors[0], Transpose):
            return Had((term.factors[0].arg, *term.factors[1:]))
        case Dot():
            return Dot(tuple(_transposed(f) for f in reversed(term.factors)))
    return Transpose(term)


def _with_accumulated(lines: list[BackwardLine]) -> list[BackwardLine]:
    """`A_{t-1} = X_t` or `A_{t-1} += X_t` beside `A_t += Y_t` is the one line A_t = X_{t+1} + Y_t."""
    found = list(lines)
    for line in lines:
        if not line.equation.accumulates or not isinstance(line.left, Adj) or line.left.of.time is None:
            continue
        if all(x is not line for x in found):  # another `+=` has taken it in
            continue
        for other in found:
            if isinstance(other.left, Adj) and other.left.of.name == line.left.of.name and other.left != line.left:
                apart = line.left.of.time.offset - (other.left.of.time or NOW).offset
                both = sum_of(other, line, apart)
                found = [both if x is line else x for x in found if x is not other]
                break
    return found


def sum_of(before: BackwardLine, line: BackwardLine, apart: int = 0) -> BackwardLine:
    """Two lines that add to one quantity, as one.

    Args:
        before: The first.
        line: The second.
        apart: By how many steps the first is earlier.
    """
    first, second = flat(shifted(before.right, apart)), flat(line.right)
    earlier = [replace(s, apart=s.apart + apart) for s in _summands(before)]
    return replace(line, right=added([first, second]), summands=(*earlier, *_summands(line)))


def _summands(line: BackwardLine) -> tuple[Summand, ...]:
    terms = len(line.right.terms) if isinstance(line.right, Add) else 1
    return line.summands or (Summand(line.equation, line.left, terms, 0),)


def _add_line(reading: Reading, line: BackwardLine) -> None:
    """`A = X` and then `A += Y`, or `A = A + Y`, is the one line A = X + Y, unless A is a parameter's: there += adds up
    over steps."""
    of_parameter = isinstance(line.left, Adj) and line.left.of.name in reading.parameters
    again = of_parameter or line.equation.assigns or any(x.left == line.left for x in reading.lines)
    if again and isinstance(line.right, Add) and line.left in line.right.terms:
        rest = [t for t in line.right.terms if t != line.left]
        line = replace(line, equation=replace(line.equation, accumulates=True, assigns=False), right=added(rest))
    if line.equation.accumulates and not of_parameter:
        before = next((x for x in reversed(reading.lines) if x.left == line.left), None)
        if before is not None:
            reading.lines.remove(before)
            line = sum_of(before, replace(line, right=flat(line.right)))
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
