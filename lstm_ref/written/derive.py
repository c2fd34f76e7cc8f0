"""The right side that a line should have: reverse mode on the page's own equations, as terms.

The adjoint of v is a sum over its readers: for every place where an equation reads v, the adjoint of what that equation
makes, brought back through everything that stands between. A reader without a sign for its adjoint on the page is
replaced by its own sum. These terms print corrections; what decides is the truth in balls.
"""

from __future__ import annotations

from typing import Any

from lstm_ref.written.evaluate import Misfit, NotThen, World, evaluate
from lstm_ref.written.judge import is_per_step
from lstm_ref.written.reading import NOW, Reading, is_hidden
from lstm_ref.written.terms import (
    Add,
    Adj,
    Apply,
    Div,
    Dot,
    Fn,
    Had,
    Name,
    Neg,
    Num,
    Pow,
    Stack,
    StackedBlock,
    Steps,
    SumB,
    SumT,
    Sym,
    Term,
    Transpose,
    added,
    children,
    shifted,
    symbols,
    walk,
)
from lstm_ref.written.truth import Scope

_DEEPEST = 8


class Deriver:
    """Derives adjoints on a page.

    Args:
        reading: The page.
        world: Its numbers, of which only the shapes matter.
        scope: What the loss reads.
        written: Quantities for whose adjoints the page has a sign.
        outside: For each value, the symbol of what arrives there from outside.
    """

    def __init__(
        self, reading: Reading, world: World, scope: Scope, written: set[Name], outside: dict[Name, Name]
    ) -> None:
        self.reading, self.world, self.scope, self.written, self.outside = reading, world, scope, written, outside
        self._underway: list[Name] = []

    def terms(self, target: Sym) -> list[Term] | None:
        """The terms whose sum is the adjoint of a quantity; None where a rule is missing.

        Args:
            target: The quantity, at its time.
        """
        if target.name in self.reading.parameters:
            found = self._readers(target.name, None, 0)
            step = self.scope.kind == "step"
            return None if found is None else [t if step or not is_per_step(t) else SumT(t) for t in found]
        offset = target.time.offset if target.time is not None else 0
        found = self._of_value(target.name, 0)
        if found and self.scope.kind == "last" and target.time is not None and target.time.anchor == "t":
            found = [t for t in found if not (isinstance(t, Adj) and t.part)] or found
        return None if found is None else [shifted(t, offset) for t in found]

    def through(self, of: Sym, by: Sym, sign: Term) -> Term | None:
        """What a cotangent of `of` hands back to `by`: through the equation of `of` alone if it reads `by`, else by all
        ways within the step. None where a rule is missing, or no way leads there.

        Args:
            of: A value, at its time.
            by: What it depends on.
            sign: The cotangent.
        """
        now = of.time.offset if of.time is not None else 0
        apart = by.time.offset - now if by.time is not None else 0
        terms = self._ways(of.name, by.name, apart, shifted(sign, -now), 0)
        return None if not terms else shifted(added(terms), now)

    def _ways(self, of: Name, by: Name, apart: int, sign: Term, depth: int) -> list[Term] | None:
        if of not in self.reading.values or depth > _DEEPEST:
            return []
        right = self.reading.values[of].right
        places = [(path, s) for path, s in walk(right) if isinstance(s, Sym)]
        is_it = lambda s: s.name == by and (s.time is None or s.time.offset == apart)  # noqa: E731
        direct = [path for path, s in places if is_it(s)]
        found: list[Term] = []
        for path in direct:
            brought = self._back(right, path, sign, of)
            if brought is None:
                return None
            found.append(brought)
        for path, s in [] if direct else places:
            if s.name in self.reading.values and (s.time is None or s.time.offset == 0):
                brought = self._back(right, path, sign, of)
                more = None if brought is None else self._ways(s.name, by, apart, brought, depth + 1)
                if more is None:
                    return None
                found += more
        return found

    def _of_value(self, name: Name, depth: int) -> list[Term] | None:
        if depth > _DEEPEST:
            return None
        found: list[Term] = []
        if name in self.scope.outputs:
            found.append(
                Sym(self.outside[name], NOW) if name in self.outside else Adj(self.reading.at(name), "?", "step")
            )
        if (short := self._cross_entropy(name)) is not None:
            found.append(short)
            return found
        parts = self._parts_of(name)
        if parts is not None:
            rows = tuple((self._sign(p, depth),) for p in parts)
            if any(r[0] is None for r in rows):
                return None
            found.append(Stack(rows) if not self.reading.rows else Stack((tuple(r[0] for r in rows),)))
        readers = self._readers(name, parts, depth)
        if readers is None:
            return None
        if self.reading.loss is not None and name in {s.name for s in symbols(self.reading.loss)}:
            found.append(Adj(self.reading.at(name), "?", "step"))
        return found + readers

    def _cross_entropy(self, name: Name) -> Term | None:
        """ŷ − y, for the argument of a softmax under a cross-entropy."""
        loss = self.reading.loss
        if loss is None:
            return None
        for out in self.reading.values:
            right = self.reading.values[out].right
            is_softmax = isinstance(right, Apply) and right.fn.name == "softmax" and right.arg == self.reading.at(name)
            logs = [
                t
                for t in loss.subterms
                if isinstance(t, Apply) and t.fn.name == "log" and t.arg == self.reading.at(out)
            ]
            if is_softmax and logs and len(self.reading.targets) == 1:
                target = Sym(self.reading.targets[0], None if self.reading.loss_of_totals else NOW)
                return Add((self.reading.at(out), Neg(target)))
        return None

    def _parts_of(self, name: Name) -> list[Name] | None:
        """The blocks of a stacked value, in their order."""
        found = {
            d.right.index: part
            for part, d in self.reading.values.items()
            if isinstance(d.right, StackedBlock) and isinstance(d.right.arg, Sym) and d.right.arg.name == name
        }
        inner = {
            t.index: d.name
            for d in self.reading.values.values()
            for t in d.right.subterms
            if isinstance(t, StackedBlock)
            and isinstance(t.arg, Sym)
            and t.arg.name == name
            and not isinstance(d.right, StackedBlock)
        }
        return [found[k] for k in sorted(found)] if found and not inner else None

    def _readers(self, name: Name, parts: list[Name] | None, depth: int) -> list[Term] | None:
        found: list[Term] = []
        for reader, d in self.reading.values.items():
            if parts and reader in parts:
                continue
            for path, term in walk(d.right):
                if not isinstance(term, Sym) or term.name != name:
                    continue
                if term.time is not None and term.time.anchor == "T" and name not in self.reading.parameters:
                    continue  # a recursion does not speak of the last step
                offset = term.time.offset if term.time is not None else 0
                sign = self._sign(reader, depth)
                brought = None if sign is None else self._back(d.right, path, sign, reader)
                if brought is None:
                    return None
                is_parameter = name in self.reading.parameters
                found += [shifted(t, 0 if is_parameter else -offset) for t in _as_terms(brought)]
        return found

    def _sign(self, name: Name, depth: int) -> Term | None:
        if name in self.written:
            return Adj(self.reading.at(name), "?")
        if name in self._underway:  # it reaches itself in another step
            return Adj(self.reading.at(name), "?")
        self._underway.append(name)
        terms = self._of_value(name, depth + 1)
        self._underway.pop()
        if terms is None or not terms:
            return Adj(self.reading.at(name), "?") if not is_hidden(name) else None
        return added(terms)

    def _back(self, term: Term, path: tuple[Any, ...], sign: Term, reader: Name) -> Term | None:
        """The cotangent `sign` of `term`, brought to what stands at `path` in it."""
        if not path:
            return sign
        position, rest = path[0], path[1:]
        child = dict(children(term))[position]
        match term:
            case Add():
                sign = self._row_sum(child, term, sign)
            case Neg():
                sign = Neg(sign)
            case Had():
                others = [f for k, f in enumerate(term.factors) if k != position[1]]
                sign = self._row_sum(child, term, _hadamard([sign, *others]))
            case Dot():
                found = self._through_product(term, position[1], sign)
                if found is None:
                    return None
                sign = found
            case Apply():
                slope = _slope(term, reader, self.reading)
                if slope is None:
                    return None
                sign = _hadamard([sign, *slope])
            case Transpose():
                sign = Transpose(sign)
            case Pow():
                lower = term.base if term.exponent == 2 else Pow(term.base, term.exponent - 1)
                sign = _hadamard([Num(float(term.exponent)), sign, lower])
            case Stack():
                vectors = [x for row in term.rows for x in row]
                index = [id(x) for x in vectors].index(id(child))
                sign = StackedBlock(sign, index, tuple(v.name if isinstance(v, Sym) else Name("1") for v in vectors))
            case Div() if position[0] == "over":
                sign = Div(sign, term.under)
            case Div():
                sign = Neg(Div(_hadamard([sign, term.over]), Pow(term.under, 2)))
            case SumT():
                sign = sign if reader in self.reading.totals else SumT(sign)
            case _:
                return None
        return self._back(child, rest, sign, reader)

    def _row_sum(self, child: Term, parent: Term, sign: Term) -> Term:
        """A bias is one row for the whole batch."""
        if not self.reading.rows or self.shape(child) == self.shape(parent):
            return sign
        return SumB(sign)

    def _through_product(self, term: Dot, k: int, sign: Term) -> Term | None:
        before, after = term.factors[:k], term.factors[k + 1 :]
        own, whole = self.shape(term.factors[k]), self.shape(term)
        left = self.shape(_product(before)) if before else None
        right = self.shape(_product(after)) if after else None
        numbers = [f for f in (*before, *after) if _is_number(f)]
        matrices_before = tuple(f for f in before if not _is_number(f))
        matrices_after = tuple(f for f in after if not _is_number(f))
        if own is None or whole is None:
            return None
        if matrices_before and left == own == whole and left[1] != own[0]:
            return _hadamard([sign, *matrices_before, *matrices_after])
        if matrices_after and right == own == whole and own[1] != right[0]:
            return _hadamard([sign, *matrices_before, *matrices_after])
        factors: list[Term] = [*numbers]
        turned = lambda f: f if self.shape(f) == (1, 1) else _transposed(f)  # noqa: E731
        factors += [turned(f) for f in reversed(matrices_before)]
        factors += [sign]
        factors += [turned(f) for f in reversed(matrices_after)]
        return Dot(tuple(factors)) if len(factors) > 1 else factors[0]

    def shape(self, term: Term) -> tuple[int, int] | None:
        """The shape of a term's value; None where it has none, or is a number."""
        try:
            value = evaluate(term, self.world, 1)
        except (Misfit, NotThen):
            return None
        return None if isinstance(value, float) else value.shape


def _is_number(term: Term) -> bool:
    return isinstance(term, (Num, Steps)) or (
        isinstance(term, Div) and _is_number(term.over) and _is_number(term.under)
    )


def _as_terms(term: Term) -> list[Term]:
    return list(term.terms) if isinstance(term, Add) else [term]


def _product(factors: tuple[Term, ...]) -> Term:
    return factors[0] if len(factors) == 1 else Dot(factors)


def _hadamard(factors: list[Term]) -> Term:
    flat: list[Term] = []
    for f in factors:
        flat += f.factors if isinstance(f, Had) else [f]
    negative = sum(isinstance(f, Neg) for f in flat) % 2
    flat = [f.arg if isinstance(f, Neg) else f for f in flat]
    found = Had(tuple(flat)) if len(flat) > 1 else flat[0]
    return Neg(found) if negative else found


def _transposed(term: Term) -> Term:
    return term.arg if isinstance(term, Transpose) else Transpose(term)


def _slope(term: Apply, reader: Name, reading: Reading) -> list[Term] | None:
    """The derivative of an activation, by its value where that has a name."""
    name = term.fn.name
    if name in ("softmax",) or term.fn.order:
        return None
    value: Term = reading.at(reader) if reading.values[reader].right == term and not is_hidden(reader) else term
    if name == "sigmoid":
        return [value, Add((Num(1.0), Neg(value)))]
    if name == "tanh":
        return [Add((Num(1.0), Neg(Pow(value, 2))))]
    if name == "log":
        return [Div(Num(1.0), term.arg)]
    return [Apply(Fn(name, 1), term.arg)] if name != "exp" else [value]
