r"""What the equations of a page are: the forward pass, its quantities, and the lines of the backward pass.

A letter's role is seen from how it is used. A symbol that an equation without adjoints defines is a value; one that is
read and never defined is an input where it has a time, else a parameter; a value read at t − 1 is a state. What is
written with ∂, ∇, δ, d or a bar is an adjoint. A bar is part of a name where the page defines barred symbols from
unbarred ones (Greff's pre-activations), and an adjoint elsewhere. A symbol of the backward pass that is none of these
(a bare δ_t, a δ_o) is *open*: `conventions` finds what it stands for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from lstm_ref.errors import BadInput
from lstm_ref.written.parser import Equation, script_symbol
from lstm_ref.written.terms import (
    Add,
    Adj,
    Apply,
    Dot,
    Fn,
    Group,
    Had,
    Jacobian,
    Name,
    Neg,
    Num,
    Outer,
    Part,
    Prime,
    Stack,
    SumT,
    Sym,
    Term,
    Time,
    Transpose,
    children,
    mapped,
    shifted,
    symbols,
    walk,
)

NOW = Time()
LOSSES = ("L", "E", "J", r"\ell", r"\mathcal{L}", r"\mathcal{E}", r"\mathcal{J}", r"\mathrm{loss}", r"\mathrm{Loss}")
_DELTAS = (r"\delta", r"\Delta", r"\epsilon", r"\varepsilon", r"\partial")
_PREFIXES = (r"\delta", r"\Delta", "d", r"\mathrm{d}")
_PRE = "preactivation"


@dataclass(frozen=True)
class Definition:
    """A value of the forward pass and the term that makes it."""

    name: Name
    right: Term
    equation: Equation


@dataclass(frozen=True)
class Line:
    """One claim of the backward pass: two sides that should be equal."""

    equation: Equation
    left: Term
    right: Term

    @property
    def target(self) -> Sym | None:
        """The quantity that the left side belongs to: the value of an adjoint, or an open symbol itself."""
        return self.left.of if isinstance(self.left, Adj) else self.left if isinstance(self.left, Sym) else None


@dataclass
class Reading:
    """A page as mathematics."""

    values: dict[Name, Definition] = field(default_factory=dict)
    """By name, in an order in which each reads only those before it, or earlier steps."""
    parameters: list[Name] = field(default_factory=list)
    inputs: list[Name] = field(default_factory=list)
    states: list[Name] = field(default_factory=list)
    targets: list[Name] = field(default_factory=list)
    """Inputs that only the loss reads."""
    lines: list[Line] = field(default_factory=list)
    open: list[Name] = field(default_factory=list)
    """Symbols of the backward pass whose meaning the page does not say."""
    loss: Term | None = None
    """The loss of one step, where the page gives it."""
    functions: list[Name] = field(default_factory=list)
    """Letters that stand for some activation function."""
    rows: bool = False
    """Vectors are rows: the page multiplies x W."""
    timed: bool = True
    """The page writes t."""
    notes: list[str] = field(default_factory=list)

    @property
    def known(self) -> set[Name]:
        """Every quantity that has an adjoint."""
        return {*self.values, *self.parameters, *self.inputs, *self.targets}

    def preactivation(self, name: Name) -> Name | None:
        """What goes into the activation function whose value this is."""
        right = self.values[name].right if name in self.values else None
        if isinstance(right, Apply) and right.fn.order == 0 and isinstance(right.arg, Sym):
            return right.arg.name
        return None


def is_hidden(name: Name) -> bool:
    """Whether the page has no symbol for this value."""
    return name.letter == _PRE


def read(equations: list[Equation], step: str = "t") -> Reading:
    """The forward pass and the backward lines of a page.

    Args:
        equations: Those of displays and, marked inline, those of the text.
        step: The letter that counts steps.

    Raises:
        BadInput: The page has no forward pass, or one that goes round in circles.
    """
    reading = Reading()
    displayed = [e for e in equations if not e.piece.inline]
    equations = _with_times([e for e in equations if len(e.sides) > 1])
    functions = _function_letters(equations)
    reading.functions = sorted(functions, key=str)
    equations = [_resolved(e, functions) for e in equations]
    equations = _with_adjoints(equations, step)
    forward: list[Equation] = []
    backward: list[Equation] = []
    for e in equations:
        (backward if _is_backward(e) else forward).append(e)
    if not any(not e.piece.inline for e in forward):
        what = "no equation" if not displayed else "no forward pass"
        raise BadInput(f"{what} was found: expected displayed equations such as $$h_t = \\tanh(W x_t + U h_{{t-1}})$$")
    if any(isinstance(t, Outer) for e in forward if not e.piece.inline for s in e.sides for _, t in walk(s)):
        forward, backward = _each(forward, _elementwise), _each(backward, _elementwise)
    _read_forward(reading, forward, backward)
    _read_backward(reading, [e for e in backward if not e.piece.inline], [e for e in backward if e.piece.inline])
    return reading


def _elementwise(term: Term) -> Term:
    """⊗ as ⊙, on a page whose forward pass multiplies gates with it."""
    return _flat(Had((term.left, term.right))) if isinstance(term, Outer) else term


# ------------------------------------------------------------------------------------------------ symbols


def _each(equations: Iterable[Equation], change: object) -> list[Equation]:
    return [replace(e, sides=tuple(mapped(s, change) for s in e.sides)) for e in equations]  # type: ignore[arg-type]


def _with_times(equations: list[Equation]) -> list[Equation]:
    """`h_0` as h at step 0, where h has times elsewhere."""
    timed = {s.name for e in equations for side in e.sides for s in _all_symbols(side) if s.time is not None}

    def read_digit(term: Term) -> Term:
        if isinstance(term, Sym) and term.time is None and re.fullmatch(r"\d+", term.name.below):
            bare = replace(term.name, below="")
            return Sym(bare, Time("", int(term.name.below))) if bare in timed else term
        if isinstance(term, Jacobian):
            return replace(term, of=read_digit(term.of), by=read_digit(term.by))
        return term

    return _each(equations, read_digit)


def _all_symbols(term: Term) -> Iterable[Sym]:
    for _, one in walk(term):
        if isinstance(one, Sym):
            yield one
        elif isinstance(one, Jacobian):
            yield from (one.of, one.by)
        elif isinstance(one, Adj):
            yield one.of


def _function_letters(equations: list[Equation]) -> set[Name]:
    """Names that stand only before brackets, without time."""
    called: Counter[Name] = Counter()
    seen: Counter[Name] = Counter()
    for e in equations:
        for side in e.sides:
            for s in _all_symbols(side):
                seen[s.name] += 1
            for _, term in walk(side):
                if isinstance(term, Dot):
                    for first, second in zip(term.factors, term.factors[1:], strict=False):
                        head = first.arg if isinstance(first, Prime) else first
                        if isinstance(second, Group) and isinstance(head, Sym) and head.time is None:
                            called[head.name] += 1
    return {name for name, n in called.items() if n == seen[name] and _may_be_function(name)}


def _may_be_function(name: Name) -> bool:
    return name.letter in ("f", "g", "h", "a", r"\phi", r"\varphi", r"\psi", r"\rho", "F", "G")


def _resolved(e: Equation, functions: set[Name]) -> Equation:
    """Without brackets and primes: calls of functions, derivatives, transposes."""

    def called(term: Term) -> Term:
        if not isinstance(term, Dot):
            return term
        factors: list[Term] = []
        for factor in term.factors:
            before = factors[-1] if factors else None
            head = before.arg if isinstance(before, Prime) else before
            if isinstance(factor, Group) and isinstance(head, Sym) and head.name in functions:
                factors[-1] = Apply(Fn(f"function {head.name}", int(isinstance(before, Prime))), factor.arg)
            else:
                factors.append(factor)
        return factors[0] if len(factors) == 1 else Dot(tuple(factors))

    def bare(term: Term) -> Term:
        if isinstance(term, Group):
            return term.arg
        return Transpose(term.arg) if isinstance(term, Prime) else term

    sides = tuple(_flat(mapped(mapped(s, called), bare)) for s in e.sides)
    return replace(e, sides=sides)


def _flat(term: Term) -> Term:
    """Sums in sums and ⊙ in ⊙ made flat."""

    def change(one: Term) -> Term:
        if isinstance(one, Add) and any(isinstance(t, Add) for t in one.terms):
            return Add(tuple(x for t in one.terms for x in (t.terms if isinstance(t, Add) else (t,))))
        if isinstance(one, Had) and any(isinstance(t, Had) for t in one.factors):
            return Had(tuple(x for t in one.factors for x in (t.factors if isinstance(t, Had) else (t,))))
        return one

    return mapped(term, change)


# ----------------------------------------------------------------------------------------------- adjoints


def _with_adjoints(equations: list[Equation], step: str) -> list[Equation]:
    equations = _each(equations, _prefixed)
    losses = _loss_names(equations)
    whole = any(
        isinstance(t, Jacobian) and t.of.name in losses and (t.of.time is None or t.ordered)
        for e in equations
        for s in e.sides
        for _, t in walk(s)
    )
    ordered = any(isinstance(t, Jacobian) and t.ordered for e in equations for s in e.sides for _, t in walk(s))

    def derivative(term: Term) -> Term:
        if not isinstance(term, Jacobian) or term.of.name not in losses:
            return term
        if ordered:
            return Adj(term.by, "ordered" if term.ordered else "frac", "" if term.ordered else "step")
        own = whole and term.of.time is not None and term.of.time.anchor == "t"
        return Adj(term.by, "step" if own else "frac", _step_part(term) if own else "")

    equations = _each(equations, derivative)
    if _bars_are_adjoints(equations):
        equations = _each(equations, _barred)
    defined = _forward_names(equations)

    def named(term: Term) -> Term:
        """δ_{c_t} and δ_c^t, where c is a value, are adjoints, though it is open of which: the value or what it is
        the activation of. Only a time in the label makes it certain that the label is a quantity."""
        if isinstance(term, Sym) and term.name.letter in _DELTAS and term.name.below and not term.name.above:
            inner = script_symbol(term.name.below, step)
            if inner is not None and inner.time is not None and term.time is None and inner.name in defined:
                return Sym(replace(term.name, below=str(inner.name)), inner.time)
        return term

    return _each(equations, named)


def _step_part(term: Jacobian) -> str:
    """ "step" for ∂L_t/∂h_t; "step-1" where the loss is of another step than the quantity."""
    assert term.of.time is not None
    apart = term.of.time.offset - (term.by.time.offset if term.by.time is not None else 0)
    return "step" + (f"{apart:+d}" if apart else "")


def _loss_names(equations: list[Equation]) -> set[Name]:
    numerators = {t.of.name for e in equations for s in e.sides for _, t in walk(s) if isinstance(t, Jacobian)}
    defined = _forward_names(equations)
    return {n for n in numerators if n.letter in LOSSES or n not in defined}


def _forward_names(equations: list[Equation]) -> set[Name]:
    found: set[Name] = set()
    for e in equations:
        left = e.sides[0]
        if isinstance(left, Sym):
            found.add(left.name)
        elif isinstance(left, Stack):
            found |= {s.name for s in symbols(left)}
        for side in e.sides[1:]:
            if isinstance(side, Stack) and all(isinstance(x, Sym) for row in side.rows for x in row):
                found |= {s.name for s in symbols(side)}
    return found


def _prefixed(term: Term) -> Term:
    """`\\delta c^t`, `dc_t` as adjoints."""
    if isinstance(term, Sym) and (found := re.fullmatch(r"\\mathrm\{d([A-Za-z])\}", term.name.letter)):
        return Adj(Sym(replace(term.name, letter=found[1]), term.time), "d")
    if not isinstance(term, (Dot, Had)):
        return term
    factors: list[Term] = []
    for factor in term.factors:
        before = factors[-1] if factors else None
        inner, wrap = (factor.arg, Transpose) if isinstance(factor, Transpose) else (factor, lambda v: v)
        is_mark = isinstance(before, Sym) and before.time is None and str(before.name) in _PREFIXES
        if isinstance(term, Dot) and is_mark and isinstance(inner, Sym):
            factors[-1] = wrap(Adj(inner, str(before.name)))  # type: ignore[union-attr]
        else:
            factors.append(factor)
    return factors[0] if len(factors) == 1 else type(term)(tuple(factors))


def _bars_are_adjoints(equations: list[Equation]) -> bool:
    """Whether a bar means an adjoint: most barred symbols that are defined are defined from barred ones, and the page
    has no other sign for an adjoint."""
    verdicts: Counter[bool] = Counter()
    for e in equations:
        if any(isinstance(t, (Adj, Jacobian)) for s in e.sides for _, t in walk(s)):
            return False
        left = e.sides[0]
        if isinstance(left, Sym) and left.name.accent == r"\bar":
            verdicts[any(s.name.accent.startswith(r"\bar") for side in e.sides[1:] for s in symbols(side))] += 1
    return verdicts[True] >= verdicts[False] and bool(verdicts)


def _barred(term: Term) -> Term:
    if isinstance(term, Sym) and term.name.accent.startswith(r"\bar"):
        return Adj(Sym(replace(term.name, accent=term.name.accent.removeprefix(r"\bar")), term.time), "bar")
    return term


def _is_backward(e: Equation) -> bool:
    if any(isinstance(t, (Adj, Jacobian)) for s in e.sides for _, t in walk(s)):
        return True
    return any(isinstance(s, Sym) and s.name.letter in _DELTAS for s in symbols(e.sides[0])) or e.accumulates


# ------------------------------------------------------------------------------------------------ forward pass


def _read_forward(reading: Reading, forward: list[Equation], backward: list[Equation]) -> None:
    shown = [e for e in forward if not e.piece.inline]
    found: dict[Name, Definition] = {}
    stacks: list[tuple[Name, Stack, Equation]] = []
    loss: list[Equation] = []
    defined_later = {s.name for e in shown for s in _defined(e)}
    counts = Counter(s.name for e in shown for s in _defined(e))
    defined_twice = {name for name, n in counts.items() if n > 1}
    for e in shown:
        left = e.sides[0]
        if isinstance(left, Sym) and (left.name.letter in LOSSES or left.name.letter == r"\mathcal{L}"):
            loss.append(e)
        elif isinstance(left, Sym):
            if left.time is not None and left.time.anchor != "t":
                continue  # a boundary, as h_0 = 0
            right = shifted(e.sides[1], -left.time.offset) if left.time else e.sides[1]
            names = _all_plain(right)
            if names is not None and left.name in found:
                stacks.append((left.name, right, e))
            elif left.name in found:
                if not _same(found[left.name].right, right):
                    first = found[left.name].equation.line
                    raise BadInput(f"{e.label}: {left.name} is defined a second time; line {first} defines it too")
            elif names is not None and not {n.name for n in names} & defined_later and left.name in defined_twice:
                stacks.append((left.name, right, e))
            else:
                found[left.name] = Definition(left.name, right, e)
            for other in e.sides[2:]:
                _match(right, other, found, e, defined_later)
        elif isinstance(left, Stack):
            _split(left, e, found)
        else:
            raise BadInput(f"{e.label}: expected a symbol on the left of =, as in h_t = \\tanh(c_t)")
    for name, stack, e in stacks:
        if name not in found:
            raise BadInput(f"{e.label}: {name} is the stack of parts that no equation defines")
        parts = [s.name for s in symbols(stack)]
        for k, part in enumerate(parts):
            found[part] = Definition(part, Part(Sym(name, NOW), k, tuple(parts)), e)
    _use_inline(found, [e for e in forward if e.piece.inline], backward)
    reading.timed = any(s.time is not None for e in shown for s in _defined(e))
    _name_preactivations(found)
    _assign_roles(reading, found)
    _sort(reading, found)
    reading.rows = _rows_are_vectors(reading)
    _read_loss(reading, loss)


def _defined(e: Equation) -> Iterable[Sym]:
    return symbols(e.sides[0]) if isinstance(e.sides[0], (Sym, Stack)) else ()


def _all_plain(term: Term) -> list[Sym] | None:
    """The symbols of a stack of nothing else."""
    if not isinstance(term, Stack):
        return None
    parts = [x for row in term.rows for x in row]
    return parts if all(isinstance(p, Sym) for p in parts) else None


def _same(a: Term, b: Term) -> bool:
    return a == b


def _match(one: Term, other: Term, found: dict[Name, Definition], e: Equation, defined: set[Name]) -> None:
    """`i = σ(a_i) = σ(W x)` defines a_i: a symbol that nothing defines, at the place of a term."""
    if isinstance(one, Sym) and one.time == NOW and one.name not in found and one.name not in defined and one != other:
        found[one.name] = Definition(one.name, other, e)
    elif type(one) is type(other) and len(children(one)) == len(children(other)):
        for (_, a), (_, b) in zip(children(one), children(other), strict=True):
            _match(a, b, found, e, defined)


def _split(left: Stack, e: Equation, found: dict[Name, Definition]) -> None:
    """Gates as one stack on the left."""
    parts = _all_plain(left)
    if parts is None:
        raise BadInput(f"{e.label}: expected a stack of symbols on the left of =")
    names = tuple(p.name for p in parts)
    right = e.sides[1]
    applied = [row[0] for row in right.rows] if isinstance(right, Stack) else []
    if len(applied) == len(parts) and all(isinstance(a, Apply) and isinstance(a.arg, Part) for a in applied):
        whole = Name(_PRE, below=",".join(map(str, names)))
        found[whole] = Definition(whole, applied[0].arg.arg, e)
        for k, (name, a) in enumerate(zip(names, applied, strict=True)):
            found[name] = Definition(name, Apply(a.fn, Part(Sym(whole, NOW), k, names)), e)
    elif len(applied) == len(parts):
        for name, term in zip(names, applied, strict=True):
            found[name] = Definition(name, term, e)
    else:
        activation = right.fn if isinstance(right, Apply) else None
        whole = Name(_PRE, below=",".join(map(str, names)))
        found[whole] = Definition(whole, right.arg if isinstance(right, Apply) else right, e)
        for k, name in enumerate(names):
            part = Part(Sym(whole, NOW), k, names)
            found[name] = Definition(name, Apply(activation, part) if activation else part, e)


def _use_inline(found: dict[Name, Definition], inline: list[Equation], backward: list[Equation]) -> None:
    """Definitions inside of sentences, of what the page reads and no display defines."""
    needed = {s.name for e in backward for side in e.sides for s in _all_symbols(side)}
    needed |= {s.name for d in found.values() for s in symbols(d.right)}
    read = {s.name for d in found.values() for s in symbols(d.right)}
    for e in inline:
        left, right = e.sides[0], e.sides[1]
        is_term = not isinstance(right, (Num, Sym)) and all(s.name in read | set(found) for s in symbols(right))
        if isinstance(left, Sym) and left.name in needed and left.name not in found and is_term:
            if not any(s.name in found for s in symbols(right)):
                continue
            right = _now(right, found)
            for name, d in found.items():
                swap = lambda term, right=right, left=left: Sym(left.name, NOW) if _now(term, found) == right else term  # noqa: E731
                found[name] = replace(d, right=mapped(d.right, swap))
            found[left.name] = Definition(left.name, right, e)


def _now(term: Term, values: Iterable[Name]) -> Term:
    """The term with the time t on values that are written without one."""
    names = set(values)
    return mapped(term, lambda s: Sym(s.name, NOW) if isinstance(s, Sym) and s.time is None and s.name in names else s)


def _name_preactivations(found: dict[Name, Definition]) -> None:
    """A name for what goes into each activation function, where the page has none."""
    for name, d in list(found.items()):
        right = d.right
        if isinstance(right, Apply) and right.fn.order == 0 and not isinstance(right.arg, Sym):
            inner = Name(_PRE, below=str(name))
            found[inner] = Definition(inner, right.arg, d.equation)
            found[name] = replace(d, right=Apply(right.fn, Sym(inner, NOW)))


def _assign_roles(reading: Reading, found: dict[Name, Definition]) -> None:
    timed = {s.name for d in found.values() for s in symbols(d.right) if s.time is not None}
    for name, d in found.items():
        found[name] = replace(d, right=_now(d.right, found))
    for d in found.values():
        for s in symbols(d.right):
            if s.name in found:
                if s.time is not None and s.time.offset < 0 and s.name not in reading.states:
                    reading.states.append(s.name)
                continue
            is_input = s.name in timed or (not reading.timed and s.name.letter == "x")
            kind = reading.inputs if is_input else reading.parameters
            if s.name not in kind:
                kind.append(s.name)
    for name, d in found.items():
        found[name] = replace(d, right=_now(d.right, reading.inputs))


def _sort(reading: Reading, found: dict[Name, Definition]) -> None:
    left = dict(found)
    while left:
        ready = [
            name
            for name, d in left.items()
            if not any(s.name in left and (s.time is None or s.time.offset >= 0) for s in symbols(d.right))
        ]
        if not ready:
            names = ", ".join(str(n) for n in left if not is_hidden(n))
            line = min(d.equation.line for d in left.values())
            raise BadInput(f"line {line}: {names} depend on each other in one step; expected a t-1 on one of them")
        for name in ready:
            reading.values[name] = left.pop(name)


def _rows_are_vectors(reading: Reading) -> bool:
    votes = 0
    for d in reading.values.values():
        for _, term in walk(d.right):
            if isinstance(term, Dot):
                for a, b in zip(term.factors, term.factors[1:], strict=False):
                    left, right = _is_parameter(a, reading), _is_parameter(b, reading)
                    votes += right and not left and not isinstance(a, (Num, Transpose))
                    votes -= left and not right and not isinstance(b, Num)
    return votes > 0


def _is_parameter(term: Term, reading: Reading) -> bool:
    inner = term.arg if isinstance(term, Transpose) else term
    return isinstance(inner, Sym) and inner.name in reading.parameters


def _read_loss(reading: Reading, equations: list[Equation]) -> None:
    """The loss of one step, if an equation gives it in terms of the forward pass."""
    for e in equations:
        for side in e.sides[1:]:
            term = side
            sign = isinstance(term, Neg)
            term = term.arg if sign else term
            if isinstance(term, SumT):
                term = term.arg
            term = Neg(term) if sign else term
            term = _now(term, [*reading.values, *reading.inputs])
            names = {s.name for s in symbols(term)}
            if names & set(reading.values) and not any(n.letter in LOSSES for n in names):
                reading.loss = term
                for s in symbols(term):
                    if s.name not in reading.known:
                        reading.targets.append(s.name)
                reading.loss = _now(term, reading.targets)
                return


# ----------------------------------------------------------------------------------------------- backward lines


def _read_backward(reading: Reading, shown: list[Equation], inline: list[Equation]) -> None:
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
    reading.lines.append(replace(line, right=_flat(line.right)))


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
