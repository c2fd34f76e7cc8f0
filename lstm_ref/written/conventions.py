"""What a page leaves open, found by trying: the meaning under which the most of its lines are right.

The open points are: whether δ_o is the adjoint of o or of what it is the sigmoid of; which value a bare δ_t belongs to;
whether the loss reads every step or the last one, or the page derives a single step; which function f( ) is. One
reading is chosen for the whole page and said in its report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from lstm_ref.written.backward import sum_of
from lstm_ref.written.evaluate import Meaning
from lstm_ref.written.judge import holds_in_floats, is_contribution, times_of
from lstm_ref.written.reading import NOW, BackwardLine, Reading, is_hidden
from lstm_ref.written.shapes import Shapes
from lstm_ref.written.terms import (
    Add,
    Adj,
    Apply,
    Diag,
    Dot,
    Fn,
    Had,
    Hole,
    Name,
    Neg,
    Num,
    Outer,
    SumT,
    Sym,
    Term,
    Transpose,
    adjoints,
    mapped,
    symbols,
)
from lstm_ref.written.truth import PageTruth, Scope, truth


@dataclass
class ChosenReading:
    """The reading of a page's open points."""

    truth: PageTruth
    summed: bool
    """Lines for parameters say what one step contributes."""
    is_right: list[bool]
    """Whether each line holds, as far as floats see."""

    @property
    def wrong(self) -> int:
        """How many lines do not hold."""
        return sum(not ok for ok in self.is_right)

    @property
    def meanings(self) -> dict[Name, Meaning]:
        """What the open symbols stand for."""
        return self.truth.balls.meanings


def choose(reading: Reading, shapes: Shapes, seed: int = 0) -> ChosenReading:
    """The conventions under which the most lines are right.

    Args:
        reading: The page.
        shapes: Its shapes.
        seed: Of the random numbers.
    """
    best: ChosenReading | None = None
    for functions in _functions(reading):
        for scope in _scopes(reading):
            here = truth(reading, shapes, scope, functions, seed)
            for activated in _slopes(reading):
                found = _with_meanings(reading, here.under({}, activated))
                if best is None or found.wrong < best.wrong:
                    best = found
            if best is not None and not best.wrong:
                return best
    assert best is not None
    return best


MORE_SEEDS = 5
"""Further random numbers, for slopes that are 0 or 1: among 3 units, some of them always dead, a wrong argument may
have the right one's sign at all 4 steps."""


def again(chosen: ChosenReading, reading: Reading, shapes: Shapes, seed: int) -> tuple[PageTruth, ...]:
    """The same reading of a page on other random numbers."""
    scope, world = chosen.truth.scope, chosen.truth.balls
    more = (truth(reading, shapes, scope, world.functions, seed + k) for k in range(1, MORE_SEEDS + 1))
    return tuple(one.under(chosen.meanings, world.activated) for one in more)


def _functions(reading: Reading) -> Iterator[dict[Name, str]]:
    """What the page says a function is; else tanh, or σ, unless the page writes its slope as f'."""
    yield dict.fromkeys(reading.functions, "tanh") | reading.said_functions
    terms = [t for line in reading.lines for t in line.right.subterms]
    if reading.functions and not any(isinstance(t, Apply) and t.fn.order for t in terms):
        yield dict.fromkeys(reading.functions, "sigmoid") | reading.said_functions


def _slopes(reading: Reading) -> Iterator[dict[Name, Name]]:
    """Where φ' is the slope: at its argument; or, if the page writes φ' of activated values alone, at what was
    activated."""
    yield {}
    slopes = [t for line in reading.lines for t in line.right.subterms if isinstance(t, Apply) and t.fn.order]
    arguments = [t.arg for t in slopes if t.arg != Apply(Fn(t.fn.name), getattr(t.arg, "arg", None))]
    inner = {t.name: reading.preactivation(t.name) for t in arguments if isinstance(t, Sym)}
    if arguments and len(inner) == len(set(map(str, arguments))) and all(inner.values()):
        yield {value: pre for value, pre in inner.items() if pre is not None}


# ----------------------------------------------------------------------------------------------------- what is open


def _defining(reading: Reading) -> dict[Name, BackwardLine]:
    """The line that each open symbol stands on the left of."""
    found: dict[Name, BackwardLine] = {}
    for line in reading.lines:
        if isinstance(line.left, Sym) and line.left.name in reading.open:
            found.setdefault(line.left.name, line)
    return found


def givens(reading: Reading) -> dict[Name, Name]:
    """What arrives from outside: open symbols that no line defines, and the value that each arrives at."""
    found = {}
    defined = _defining(reading)
    for name in reading.open:
        if name in defined:
            continue
        base = _base(name, reading)
        if not _may_be_given(name) or (base is None and _by_label(name, reading)):
            continue
        for line in reading.lines:
            if base is None and any(s.name == name for s in symbols(line.right)):
                base = _value_of(line, reading)
        if base in reading.values:
            found[name] = base
    return found


_ARRIVALS = re.compile(r"next|out|ext|loss|above|top|up|in|given|later|future")
_DELTAS = (r"\Delta", r"\delta", r"\epsilon", r"\varepsilon", r"\xi", "e")


def without_dots(reading: Reading) -> list[BackwardLine]:
    r"""The lines with an argument for the dot of `\sigma'(\cdot)`: what is squashed to give the value of the line."""
    found = []
    for line in reading.lines:
        value = _value_of(line, reading)
        inner = None if value is None else reading.preactivation(value)
        if inner is None and any(reading.preactivation(n) == value for n in reading.values):
            inner = value
        if inner is not None and any(isinstance(t, Hole) for t in line.right.subterms):
            squashed = Sym(inner, NOW)
            fill = lambda t, squashed=squashed: squashed if isinstance(t, Hole) else t  # noqa: E731
            line = replace(line, right=mapped(line.right, fill))
        found.append(line)
    return found


def of_squashed(reading: Reading) -> Reading | None:
    """The page with δo and do read as the adjoints of what the gates squash; None where nothing is written so."""
    inner = {v: pre for v in reading.values if (pre := reading.preactivation(v)) is not None and is_hidden(pre)}
    other = lambda t: replace(t, of=Sym(inner[t.of.name], t.of.time)) if _is_of(t, inner) else t  # noqa: E731
    lines = [replace(x, left=mapped(x.left, other), right=mapped(x.right, other)) for x in reading.lines]
    return replace(reading, lines=lines) if lines != reading.lines else None


def with_parameters_added(reading: Reading) -> Reading | None:
    """The page with several `+=` of one parameter read as one sum, as of weights that two equations share; None where
    nothing is written so."""
    lines: list[BackwardLine] = []
    for line in reading.lines:
        before = next((x for x in lines if _adds_to_parameter(x, reading) and x.left == line.left), None)
        if before is not None and _adds_to_parameter(line, reading):
            lines = [x for x in lines if x is not before]
            line = sum_of(before, line)
        lines.append(line)
    return replace(reading, lines=lines) if len(lines) < len(reading.lines) else None


def _adds_to_parameter(line: BackwardLine, reading: Reading) -> bool:
    return line.equation.accumulates and _is_for_parameter(line, reading)


def in_rows(reading: Reading, shapes: Shapes, matrices: bool) -> Reading | None:
    """The page in numerator layout: adjoints of columns read as rows, and of matrices, if so, as transposed. None where
    nothing changes."""
    turned = {name for name, (_, columns) in shapes.sizes.items() if columns == 1 or matrices}
    other = lambda t: Transpose(t) if isinstance(t, Adj) and t.of.name in turned else t  # noqa: E731
    lines = []
    for line in reading.lines:
        right = mapped(line.right, other)
        lines.append(replace(line, right=Transpose(right) if other(line.left) != line.left else right))
    what = "adjoints of columns are rows" + (", those of matrices transposed" if matrices else "")
    if reading.rows or reading.indexed or lines == reading.lines:
        return None
    return replace(reading, lines=lines, row_adjoints=what, turned=turned)


def as_rows(left: Term, right: Term, turned: set[Name]) -> Term:
    """A right side, read by `in_rows`, as the page writes it."""
    is_row = isinstance(left, Adj) and left.of.name in turned
    right = _upside(right) if is_row else right

    def change(term: Term) -> Term:
        if isinstance(term, Adj) and term.of.name in turned:
            return Transpose(term)
        return term.arg.arg if isinstance(term, Transpose) and isinstance(term.arg, Transpose) else term

    return mapped(right, change)


def _upside(term: Term) -> Term:
    """The transpose, brought to the factors."""
    match term:
        case Transpose():
            return term.arg
        case Num() | Diag():
            return term
        case Neg() | SumT():
            return replace(term, arg=_upside(term.arg))
        case Add() if any(True for _ in adjoints(term)):
            return Add(tuple(map(_upside, term.terms)))
        case Had():
            return Had(tuple(map(_upside, term.factors)))
        case Dot():
            return Dot(tuple(_upside(f) for f in reversed(term.factors)))
        case Outer():
            return Outer(term.right, term.left)
    return Transpose(term)


def _is_of(term: Term, values: dict[Name, Name]) -> bool:
    return isinstance(term, Adj) and term.mark in ("d", r"\delta") and not term.part and term.of.name in values


def _may_be_given(name: Name) -> bool:
    """Whether a symbol without any definition may be what arrives from outside: a bare Δ, or an adjoint whose label
    says so. An adjoint with another label, as `kept`, is a part of something that the page does not name."""
    if name.accent or " " in name.letter:
        return bool(_ARRIVALS.fullmatch(_plain_text(name.above or name.below)))
    return name.letter in _DELTAS


def _value_of(line: BackwardLine, reading: Reading) -> Name | None:
    """The value whose adjoint a line gives, as far as its left side shows."""
    if line.target is None:
        return None
    if line.target.name in reading.known:
        return line.target.name
    return next((n for n in (*_by_label(line.target.name, reading), *_leaves(reading)) if n in reading.values), None)


def _base(name: Name, reading: Reading) -> Name | None:
    """The value below a label: c for c̄ with the label `next`."""
    for bare in (replace(name, accent=name.accent.removeprefix(r"\bar"), above=""),):
        unmarked = replace(bare, letter=re.sub(r"^\\?[A-Za-z{}]+ ", "", bare.letter))
        for one in (bare, unmarked, replace(bare, below=""), replace(unmarked, below="")):
            if one != name and one in reading.values and (name.accent or name.above or " " in name.letter):
                return one
    return None


def _scopes(reading: Reading) -> Iterator[Scope]:
    explicit = tuple(dict.fromkeys(givens(reading).values()))
    direct = tuple(
        dict.fromkeys(
            t.of.name
            for line in reading.lines
            for t in line.right.subterms
            if isinstance(t, Adj) and t.part == "step" and t.of.name in reading.values
        )
    )
    outputs = () if reading.loss is not None else explicit or direct or _leaves(reading)
    read = (s for term in [*(d.right for d in reading.values.values()), reading.loss] if term for s in symbols(term))
    of_last = tuple(dict.fromkeys(s.name for s in read if s.time is not None and s.time.anchor == "T"))
    step = Scope("step", tuple(dict.fromkeys([*outputs, *reading.states])), of_last)
    if any(n in reading.states and "next" in (name.above + name.below) for name, n in givens(reading).items()):
        yield step
    lefts = [line.left for line in reading.lines]
    earlier = {left.of.name for left in lefts if isinstance(left, Adj) and any(t.offset < 0 for t in times_of(left))}
    before = any(t.offset < 0 for left in lefts if isinstance(left, (Adj, Sym)) for t in times_of(left))
    last = any(t.anchor == "T" for left in lefts for t in times_of(left))
    sums = any(isinstance(t, SumT) for line in reading.lines for t in line.right.subterms)
    found = [Scope("time", outputs, of_last)]
    found += [Scope("last", outputs, of_last)] if (before or last) and reading.loss is None else []
    found += [step] if not sums and (before or not reading.timed) else []
    # Where the line of such an output has no term for what the loss reads there, the loss reads no such step.
    reads_none = not explicit and not direct and earlier & set(outputs) and reading.loss is None
    yield from (*found[1:], found[0]) if reads_none else found


def _leaves(reading: Reading) -> tuple[Name, ...]:
    """Values that no other value of the same step reads."""
    read = {s.name for d in reading.values.values() for s in symbols(d.right) if s.time is None or s.time.offset == 0}
    return tuple(n for n in reading.values if n not in read and not is_hidden(n))


# ------------------------------------------------------------------------------------------------------- meanings


def _by_label(name: Name, reading: Reading) -> list[Name]:
    """The values that a label speaks of: o for δ_o, a_ι for δ_ι."""
    label = (name.below or name.above).strip("{}")
    if not label:
        return []
    exact = [n for n in reading.known if _plain(n) == _plain_text(label)]
    if exact:
        return exact
    return [n for n in reading.values if _plain_text(n.below) == _plain_text(label) and not is_hidden(n)]


def _plain(name: Name) -> str:
    return _plain_text(str(name))


def _plain_text(text: str) -> str:
    return re.sub(r"[\s{}]|\\(?:mathbf|mathrm|bm|boldsymbol)", "", text)


def _candidates(name: Name, reading: Reading, line: BackwardLine | None) -> list[Meaning]:
    if (
        line is not None and isinstance(line.right, Adj) and not line.right.part
    ):  # \delta_t = \partial L / \partial z_t: a definition
        return [Meaning("adjoint", line.right.of.name)]
    found: list[Name] = []
    is_mark = line is not None or name.letter in _DELTAS
    labelled = _by_label(name, reading) if is_mark else []
    is_part = bool(name.accent) or " " in name.letter
    for one in labelled or (list(reading.values) if is_mark and not is_part else []):
        inner = reading.preactivation(one)
        found += [one, inner] if inner else [one]
    meanings = [Meaning("adjoint", one) for one in dict.fromkeys(found)]
    if line is not None:
        meanings.append(Meaning("auxiliary", line=line))
    return meanings


def _with_meanings(reading: Reading, found: PageTruth) -> ChosenReading:
    defined = _defining(reading)
    outside = givens(reading)
    options: dict[Name, list[Meaning]] = {}
    for name in reading.open:
        if name in outside:
            options[name] = [Meaning("given", outside[name])]
        else:
            options[name] = _candidates(name, reading, defined.get(name)) or [Meaning("unknown")]
    said = {some[0].of for some in options.values() if len(some) == 1 and some[0].kind == "adjoint"}
    for name, some in options.items():  # a meaning that the page gives to one symbol is not another's
        options[name] = [m for m in some if len(some) == 1 or m.kind != "adjoint" or m.of not in said] or some
    parameter_lines = [line for line in reading.lines if _is_for_parameter(line, reading)]
    adds = [any(isinstance(t, SumT) for t in line.right.subterms) for line in parameter_lines]
    summed = not any(adds)
    search = _Search(reading, found, summed, options)
    meanings = search.best()
    return ChosenReading(found.under(meanings, found.balls.activated), summed, search.right(meanings))


def _is_for_parameter(line: BackwardLine, reading: Reading) -> bool:
    return isinstance(line.left, Adj) and line.left.of.name in reading.parameters


MOST_KNOWN = 50_000
"""Verdicts of a search that are kept for the next one on the same numbers."""


class _Search:
    """Meanings of open symbols, improved one symbol at a time from two beginnings: every δ a value's, every δ a
    pre-activation's."""

    def __init__(self, reading: Reading, found: PageTruth, summed: bool, options: dict[Name, list[Meaning]]) -> None:
        self.reading, self.truth, self.summed, self.options = reading, found, summed, options
        if len(found.known) > MOST_KNOWN:
            found.known.clear()
        self.inner = {reading.preactivation(n) for n in reading.values}
        self.reads = [self._reached(line) for line in reading.lines]
        self.line_numbers = [self._line_number(line) for line in reading.lines]
        self.meaning_numbers = {id(m): self._meaning_number(n, m) for n, some in options.items() for m in some}

    def _line_number(self, line: BackwardLine) -> int:
        """Of what the verdict on a line depends on, beside the meanings that it reads."""
        activated = tuple(self.truth.balls.activated.items())
        return self._number(
            (line.left, line.right, line.equation.assigns, line.equation.accumulates, self.summed, activated)
        )

    def _meaning_number(self, name: Name, meaning: Meaning) -> int:
        line = None if meaning.line is None else self._line_number(meaning.line)
        return self._number((name, meaning.kind, meaning.of, line))

    def _number(self, said: object) -> int:
        """A number for it, the same in every search on these numbers."""
        known: dict[Any, int] = self.truth.known
        return known.setdefault(said, len(known))

    def _reached(self, line: BackwardLine) -> list[Name]:
        """The open symbols that a line reads, directly or through the lines of auxiliary ones."""
        defined = _defining(self.reading)
        found: list[Name] = []
        rest = [line]
        while rest:
            at = rest.pop()
            for name in dict.fromkeys(s.name for side in (at.left, at.right) for s in symbols(side)):
                if name in self.options and name not in found:
                    found.append(name)
                    rest += [defined[name]] if name in defined else []
        return found

    def best(self) -> dict[Name, Meaning]:
        """The meanings with the lowest cost."""
        found = []
        for pick in (0, 1):
            meanings = {name: some[min(pick, len(some) - 1)] for name, some in self.options.items()}
            found.append(self._improved(meanings))
        return min(found, key=self._cost)

    def _improved(self, meanings: dict[Name, Meaning]) -> dict[Name, Meaning]:
        cost = self._cost(meanings)
        improved = True
        while improved:
            improved = False
            for name, some in self.options.items():
                for one in some:
                    new = {**meanings, name: one}
                    if one != meanings[name] and (c := self._cost(new)) < cost:
                        meanings, cost, improved = new, c, True
        return meanings

    def _cost(self, meanings: dict[Name, Meaning]) -> tuple[float, int]:
        auxiliary = sum(m.kind == "auxiliary" and len(self.options[n]) > 1 for n, m in meanings.items())
        mixed = len({self._is_inner(m) for m in meanings.values() if m.kind == "adjoint"}) > 1
        return sum(not ok for ok in self.right(meanings)) + 0.6 * auxiliary, mixed

    def _is_inner(self, meaning: Meaning) -> bool:
        return meaning.of in self.inner

    def right(self, meanings: dict[Name, Meaning]) -> list[bool]:
        """Which lines hold, in floats."""
        found = []
        known = self.truth.known
        numbers = {name: self.meaning_numbers[id(one)] for name, one in meanings.items()}
        for k, line in enumerate(self.reading.lines):
            key = self.line_numbers[k], *[numbers[n] for n in self.reads[k]]
            if key not in known:
                if self.truth.floats.meanings is not meanings:
                    self.truth.floats.read_as(meanings)
                summed = self.summed or line.equation.accumulates
                known[key] = holds_in_floats(line, line.right, self.truth, summed and is_contribution(line))
            found.append(known[key])
        return found
