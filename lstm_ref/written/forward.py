"""The forward pass of a page: its values in their order, its parameters, inputs, states, and its loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from lstm_ref.errors import BadInput
from lstm_ref.written.brackets import all_symbols
from lstm_ref.written.marks import LOSSES
from lstm_ref.written.parser import WrittenEquation
from lstm_ref.written.reading import NOW, PREACTIVATION, Definition, Reading, is_hidden
from lstm_ref.written.shapes import Shapes
from lstm_ref.written.terms import (
    Apply,
    Div,
    Dot,
    Fn,
    Name,
    Num,
    Stack,
    StackedBlock,
    SumT,
    Sym,
    Term,
    Transpose,
    children,
    mapped,
    shifted,
    symbols,
)


def read_forward(reading: Reading, forward: list[WrittenEquation], backward: list[WrittenEquation]) -> None:
    """Fills in values, parameters, inputs, states and the loss.

    Args:
        reading: The page, still empty.
        forward: Its equations without adjoints.
        backward: The others, which show what must be defined.

    Raises:
        BadInput: A value is defined twice, or values of one step depend on each other.
    """
    shown = [e for e in forward if not e.piece.inline]
    found: dict[Name, Definition] = {}
    stacks: list[tuple[Name, Stack, WrittenEquation]] = []
    loss: list[WrittenEquation] = []
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
            sides = [shifted(side, -left.time.offset) if left.time else side for side in e.sides[1:]]
            parts = next((side for side in sides if _is_of_new_parts(side, defined_later)), None)
            if parts is not None and len(sides) > 1:  # z = [a; b] = W x: W x is what z is, a and b are its parts
                stacks.append((left.name, parts, e))
                sides.remove(parts)
            right = sides[0]
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
            for other in sides[1:]:
                before = set(found)
                _match(right, other, found, e, defined_later)
                _match(other, right, found, e, defined_later)
                if left.name in before and any(s.name in set(found) - before for s in symbols(other)):
                    found[left.name] = Definition(left.name, other, e)  # σ(W x) = σ(a_i): the value reads a_i
        elif isinstance(left, Stack):
            _split(left, e, found)
        else:
            raise BadInput(f"{e.label}: expected a symbol on the left of =, as in h_t = \\tanh(c_t)")
    for name, stack, e in stacks:
        if name not in found:
            raise BadInput(f"{e.label}: {name} is the stack of parts that no equation defines")
        parts = [s.name for s in symbols(stack)]
        for k, part in enumerate(parts):
            found[part] = Definition(part, StackedBlock(Sym(name, NOW), k, tuple(parts)), e)
    _use_inline(found, [e for e in forward if e.piece.inline], backward)
    reading.timed = any(s.time is not None for e in shown for s in _defined(e))
    _name_preactivations(found)
    _assign_roles(reading, found)
    _sort(reading, found)
    _find_totals(reading)
    reading.rows = _rows_are_vectors(reading)
    _read_loss(reading, loss)


def _defined(e: WrittenEquation) -> Iterable[Sym]:
    return symbols(e.sides[0]) if isinstance(e.sides[0], (Sym, Stack)) else ()


def _all_plain(term: Term) -> list[Sym] | None:
    """The symbols of a stack of nothing else."""
    if not isinstance(term, Stack):
        return None
    parts = [x for row in term.rows for x in row]
    return parts if all(isinstance(p, Sym) for p in parts) else None


def _is_of_new_parts(term: Term, defined: set[Name]) -> bool:
    """Whether it is a stack of symbols that no equation defines."""
    parts = _all_plain(term)
    return parts is not None and all(p.time == NOW and p.name not in defined for p in parts)


def _same(a: Term, b: Term) -> bool:
    return a == b


def _match(one: Term, other: Term, found: dict[Name, Definition], e: WrittenEquation, defined: set[Name]) -> None:
    """`i = σ(a_i) = σ(W x)` defines a_i: a symbol that nothing defines, at the place of a term."""
    if isinstance(one, Sym) and one.time == NOW and one.name not in found and one.name not in defined and one != other:
        found[one.name] = Definition(one.name, other, e)
    elif type(one) is type(other) and len(children(one)) == len(children(other)):
        for (_, a), (_, b) in zip(children(one), children(other), strict=True):
            _match(a, b, found, e, defined)


def _split(left: Stack, e: WrittenEquation, found: dict[Name, Definition]) -> None:
    """Gates as one stack on the left."""
    parts = _all_plain(left)
    if parts is None:
        raise BadInput(f"{e.label}: expected a stack of symbols on the left of =")
    names = tuple(p.name for p in parts)
    right = e.sides[1]
    applied = [row[0] for row in right.rows] if isinstance(right, Stack) else []
    if len(applied) == len(parts) and all(isinstance(a, Apply) and isinstance(a.arg, StackedBlock) for a in applied):
        whole = Name(PREACTIVATION, below=",".join(map(str, names)))
        found[whole] = Definition(whole, applied[0].arg.arg, e)
        for k, (name, a) in enumerate(zip(names, applied, strict=True)):
            found[name] = Definition(name, Apply(a.fn, StackedBlock(Sym(whole, NOW), k, names)), e)
    elif len(applied) == len(parts):
        for name, term in zip(names, applied, strict=True):
            found[name] = Definition(name, term, e)
    else:
        activation = right.fn if isinstance(right, Apply) else None
        whole = Name(PREACTIVATION, below=",".join(map(str, names)))
        found[whole] = Definition(whole, right.arg if isinstance(right, Apply) else right, e)
        for k, name in enumerate(names):
            part = StackedBlock(Sym(whole, NOW), k, names)
            found[name] = Definition(name, Apply(activation, part) if activation else part, e)


def _use_inline(found: dict[Name, Definition], inline: list[WrittenEquation], backward: list[WrittenEquation]) -> None:
    """Definitions inside of sentences, of what the page reads and no display defines."""
    needed = {s.name for e in backward for side in e.sides for s in all_symbols(side)}
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
            inner = Name(PREACTIVATION, below=str(name))
            found[inner] = Definition(inner, right.arg, d.equation)
            found[name] = replace(d, right=Apply(right.fn, Sym(inner, NOW)))


def _assign_roles(reading: Reading, found: dict[Name, Definition]) -> None:
    timed = {s.name for d in found.values() for s in symbols(d.right) if s.time is not None}
    for name, d in found.items():
        found[name] = replace(d, right=_now(d.right, found))
    for d in found.values():
        for s in symbols(d.right):
            if s.name in found:
                is_before = s.time is not None and s.time.offset < 0 and s.time.anchor == "t"
                if is_before and s.name not in reading.states:
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


def _find_totals(reading: Reading) -> None:
    """A value without a time that reads steps in a sum over them, or the last one, alone; or another such value."""
    for name, d in reading.values.items() if reading.timed else ():
        left = d.equation.sides[0]
        read = {s.name for s in _of_each_step(d.right)} - set(reading.parameters)
        whole = any(isinstance(t, SumT) or _is_last(t) for t in d.right.subterms)
        if isinstance(left, Sym) and left.time is None and read <= reading.totals and (read or whole):
            reading.totals.add(name)
    for name, d in reading.values.items():
        reading.values[name] = replace(d, right=_without_times(d.right, reading.totals))


def _without_times(term: Term, names: set[Name]) -> Term:
    return mapped(term, lambda t: Sym(t.name) if isinstance(t, Sym) and t.name in names else t)


def _is_last(term: Term) -> bool:
    return isinstance(term, Sym) and term.time is not None and term.time.anchor == "T"


def _of_each_step(term: Term) -> Iterable[Sym]:
    """What a term reads outside of its sums over steps, except values of the last step."""
    if isinstance(term, Sym):
        yield from () if _is_last(term) else (term,)
    elif not isinstance(term, SumT):
        for _, child in children(term):
            yield from _of_each_step(child)


def softmax_over_steps(reading: Reading, shapes: Shapes) -> bool:
    """Reads the softmax of a single number, as of the score e_t, as one over the steps. Returns whether there is one.

    Args:
        reading: The page.
        shapes: Its shapes.
    """
    found = False
    for name, d in reading.values.items():
        right = d.right
        is_it = isinstance(right, Apply) and right.fn.name == "softmax" and isinstance(right.arg, Sym)
        if is_it and reading.timed and shapes.sizes[right.arg.name] == (1, 1):
            risen = Apply(Fn("exp"), right.arg)
            reading.values[name] = replace(d, right=Div(risen, SumT(risen)))
            found = True
    return found


def _rows_are_vectors(reading: Reading) -> bool:
    votes = 0
    for d in reading.values.values():
        for term in d.right.subterms:
            if isinstance(term, Dot):
                for a, b in zip(term.factors, term.factors[1:], strict=False):
                    left, right = _is_parameter(a, reading), _is_parameter(b, reading)
                    votes += right and not left and not isinstance(a, (Num, Transpose))
                    votes -= left and not right and not isinstance(b, Num)
    return votes > 0


def _is_parameter(term: Term, reading: Reading) -> bool:
    inner = term.arg if isinstance(term, Transpose) else term
    return isinstance(inner, Sym) and inner.name in reading.parameters


def _read_loss(reading: Reading, equations: list[WrittenEquation]) -> None:
    """The loss of one step, if an equation gives it in terms of the forward pass."""
    for e in equations:
        for side in e.sides[1:]:
            term = mapped(side, lambda t: t.arg if isinstance(t, SumT) else t)  # of one step: -Σ, or half of a Σ
            term = _now(term, [*reading.values, *reading.inputs])
            names = {s.name for s in symbols(term)}
            if names & set(reading.values) and not any(n.letter in LOSSES for n in names):
                reading.loss = term
                for s in symbols(term):
                    if s.name not in reading.known:
                        reading.targets.append(s.name)
                reading.loss = _without_times(term, reading.totals)
                if not reading.loss_of_totals:
                    reading.loss = _now(reading.loss, reading.targets)
                return
