"""The shapes of a page's quantities, found by unification: what is added has one shape, what is multiplied fits.

A size is a variable until something binds it: to 1 (a vector's other axis), to the batch, or to a sum of sizes (a
stack's axis). Vectors are (n, 1) where the page multiplies W x, (B, n) where it multiplies x W.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from lstm_ref.errors import BadInput
from lstm_ref.written.reading import Definition, Reading, is_hidden
from lstm_ref.written.terms import (
    Add,
    Apply,
    Diag,
    Div,
    Dot,
    Fn,
    Had,
    Name,
    Neg,
    Num,
    Outer,
    Pow,
    Stack,
    StackedBlock,
    Steps,
    SumAll,
    SumB,
    SumT,
    Sym,
    Term,
    Transpose,
    symbols,
)


@dataclass(eq=False)
class WrittenSize:
    """One size. `bound` is what it is known to be: a number, "B", another size, or a sum of sizes."""

    bound: object = None


Shape: TypeAlias = "tuple[object, object] | None"
"""Two sizes; None for a plain number."""


@dataclass
class Shapes:
    """Shapes of all quantities: as numbers to compute with, as letters to print."""

    sizes: dict[Name, tuple[int, int]] = field(default_factory=dict)
    letters: dict[Name, str] = field(default_factory=dict)


class _Misfit(Exception):
    """Two sizes differ."""


def infer(reading: Reading, batch: int) -> Shapes:
    """The shapes of all values, parameters and inputs.

    Args:
        reading: The page.
        batch: The size that B stands for.

    Raises:
        BadInput: Two shapes of the forward pass contradict each other.
    """
    if columns := _columns(reading):
        try:
            found = _inferred(reading, batch, columns)
        except BadInput:  # v is no column: what vᵀ a makes is as long as a state
            return _inferred(reading, batch, set())
        is_matrix = lambda n: n not in columns and _is_small(n) and 1 not in found.sizes[n]  # noqa: E731
        if not any(is_matrix(n) for n in reading.parameters):
            return found
    return _inferred(reading, batch, set())


def of_numbers(reading: Reading) -> Shapes | None:
    """The shapes of a page on one unit, all of whose quantities are single numbers; None where it writes matrices."""
    terms = [d.right for d in reading.values.values()] + [s for x in reading.lines for s in (x.left, x.right)]
    signs = any(isinstance(t, (Transpose, Had, Outer, Stack, Diag)) for term in terms for t in term.subterms)
    names = (*reading.values, *reading.inputs, *reading.targets, *reading.parameters)
    if signs or not all(name.letter.startswith("\\") or _is_small(name) for name in names if not is_hidden(name)):
        return None
    return Shapes(dict.fromkeys(names, (1, 1)), dict.fromkeys(names, "1"))


def _inferred(reading: Reading, batch: int, columns: set[Name]) -> Shapes:
    unifier = _Unifier(reading, columns)
    for d in reading.values.values():
        unifier.define(d)
    if reading.loss is not None:
        try:
            unifier.shape(reading.loss)
        except _Misfit as misfit:
            raise BadInput(f"the loss does not fit the forward pass: {misfit}") from None
    return unifier.solved(batch)


def _columns(reading: Reading) -> set[Name]:
    """The v of vᵀ a: small letters that stand for parameters and are only read transposed. A small letter is a
    vector, unless the page writes its matrices so."""
    if reading.rows or reading.indexed:
        return set()
    terms = [term for d in reading.values.values() for term in d.right.subterms]
    turned = [t.arg for t in terms if isinstance(t, Transpose) and isinstance(t.arg, Sym) and _is_small(t.arg.name)]
    names = {t.name for t in turned} & set(reading.parameters)
    return {n for n in names if sum(t.name == n for t in turned) == sum(t == Sym(n) for t in terms)}


def _is_small(name: Name) -> bool:
    return len(name.letter) == 1 and name.letter.islower()


class _Unifier:
    def __init__(self, reading: Reading, columns: set[Name]) -> None:
        self.reading = reading
        self.of: dict[Name, tuple[object, object]] = {}
        for name in (*reading.values, *reading.inputs, *reading.targets):
            self.of[name] = ("B", WrittenSize()) if reading.rows else (WrittenSize(), 1)
        for name in reading.parameters:
            self.of[name] = (WrittenSize(), 1 if name in columns else WrittenSize())

    def define(self, d: Definition) -> None:
        """Left and right of a definition have one shape."""
        try:
            self.unify(self.of[d.name], self.shape(d.right))
        except _Misfit as misfit:
            what = "what is squashed there" if is_hidden(d.name) else str(d.name)
            raise BadInput(f"{d.equation.label}: the shapes of {what} do not fit: {misfit}") from None
        except BadInput as error:
            raise BadInput(f"{d.equation.label}: {error}") from None

    def unify(self, a: Shape, b: Shape) -> Shape:
        """One shape from two that should be equal."""
        if a is None or b is None:
            return b if a is None else a
        self.equal(a[0], b[0])
        self.equal(a[1], b[1])
        return a

    def equal(self, a: object, b: object) -> None:
        """Binds two sizes to each other."""
        a, b = _root(a), _root(b)
        if a is b or a == b:
            return
        if isinstance(a, WrittenSize) or isinstance(b, WrittenSize):
            self._bind(*((a, b) if isinstance(a, WrittenSize) else (b, a)))
        elif isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
            for x, y in zip(a, b, strict=True):
                self.equal(x, y)
        else:
            raise _Misfit(f"one size is {_words(a)}, the other {_words(b)}")

    def _bind(self, free: object, other: object) -> None:
        assert isinstance(free, WrittenSize)
        if any(leaf is free for leaf in _leaves(other)):
            raise _Misfit("a stack is as long as one of its parts")
        free.bound = other

    def shape(self, term: Term) -> Shape:
        """The shape of a term, whose parts are unified on the way."""
        match term:
            case Num() | Steps():
                return None
            case Sym():
                return self.of[term.name]
            case Neg() | SumT():
                return self.shape(term.arg)
            case Apply():
                return self.shape(term.arg)
            case Pow():
                return self.shape(term.base)
            case Add():
                return self._elementwise(term.terms)
            case Had():
                return self._elementwise(term.factors)
            case Div():
                return self._elementwise((term.over, term.under))
            case Dot():
                found = self.shape(term.factors[0])
                for factor in term.factors[1:]:
                    found = self._product(found, self.shape(factor))
                return found
            case Transpose():
                inner = self.shape(term.arg)
                return inner and (inner[1], inner[0])
            case Diag():
                inner = self.shape(term.arg)
                assert inner is not None
                n = inner[1] if self.reading.rows else inner[0]
                return n, n
            case Outer():
                a, b = self.shape(term.left), self.shape(term.right)
                assert a is not None
                assert b is not None
                return (a[1], b[1]) if self.reading.rows else (a[0], b[0])
            case SumAll():
                self.shape(term.arg)
                return 1, 1
            case SumB():
                inner = self.shape(term.arg)
                return inner and (1, inner[1])
            case Stack():
                return self._stack(term)
            case StackedBlock():
                return self._part(term)
        if isinstance(term, Fn):
            raise BadInput(f"the function {term.name} stands without an argument")
        raise BadInput(f"{type(term).__name__} is not read in a forward pass")

    def _elementwise(self, terms: tuple[Term, ...]) -> Shape:
        vectors = [t for t in terms if not (isinstance(t, Sym) and t.name in self.reading.parameters)]
        found: Shape = None
        for term in vectors:
            found = self.unify(found, self.shape(term))
        for term in terms:
            if term not in vectors:
                own = self.of[term.name]
                if self.reading.rows and found is not None and _root(found[0]) == "B":
                    self.equal(own[0], 1)
                    self.equal(own[1], found[1])
                else:
                    found = self.unify(found, own)
        return found

    def _product(self, a: Shape, b: Shape) -> Shape:
        if a is None or b is None:
            return b if a is None else a
        for one, other in ((a, b), (b, a)):
            if _root(one[0]) == _root(one[1]) == 1:  # a single number
                return other
        outer = 1 if not self.reading.rows else "B"
        axis = 0 if self.reading.rows else 1
        are_vectors = _root(a[axis]) == outer and _root(b[axis]) == outer
        if are_vectors and all(isinstance(_root(s[1 - axis]), WrittenSize) for s in (a, b)):
            return self.unify(a, b)  # two vectors side by side
        self.equal(a[1], b[0])
        return a[0], b[1]

    def _stack(self, term: Stack) -> Shape:
        parts = [x for row in term.rows for x in row]
        shapes = [self.shape(p) for p in parts]
        if any(s is None for s in shapes):
            raise BadInput("a number cannot be stacked with vectors")
        known = [s for s in shapes if s is not None]
        beside = self.reading.rows if all(_is_vector(s, self.reading.rows) for s in known) else len(term.rows) == 1
        along, across = (1, 0) if beside else (0, 1)
        for s in known[1:]:
            self.equal(known[0][across], s[across])
        total = tuple(s[along] for s in known)
        return (known[0][across], total) if beside else (total, known[0][across])

    def _part(self, term: StackedBlock) -> Shape:
        whole = self.shape(term.arg)
        assert whole is not None
        along = 1 if self.reading.rows else 0
        if term.like[0] in self.of:
            sizes = tuple(self.of[name][along] for name in term.like)
        else:  # a stack of functions of equal parts
            sizes = (WrittenSize(),) * int(term.like[0].letter)
        self.equal(whole[along], sizes)
        own = sizes[term.index]
        return (whole[0], own) if self.reading.rows else (own, whole[1])

    # ------------------------------------------------------------------------------------------------ solved

    def solved(self, batch: int) -> Shapes:
        """Numbers and letters for all sizes: different ones for sizes that nothing makes equal."""
        reading, along = self.reading, 1 if self.reading.rows else 0
        order = [*reading.states, *reading.inputs, *reading.values, *reading.targets, *reading.parameters]
        for name in (*reading.states, *reading.inputs):
            if _root(self.of[name][along]) == 1:
                line = next(
                    d.equation.label for d in reading.values.values() if name in {s.name for s in symbols(d.right)}
                )
                raise BadInput(f"{line}: the shapes of the equations fit each other only if {name} is a single number")
        numbers: dict[int, int] = {}
        letters: dict[int, str] = {}
        free_letters, free_numbers = iter("HDKMNPQRSUVWXYZ"), iter((3, 2, 4, 5, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16))
        inputs = {id(_root(self.of[n][along])) for n in reading.inputs}
        leaves: list[WrittenSize] = []
        for name in order:
            for axis in (along, 1 - along):
                leaves += [leaf for leaf in _leaves(self.of[name][axis]) if not any(leaf is x for x in leaves)]
        states = {id(leaf) for name in reading.states for leaf in _leaves(self.of[name][along])}
        for leaf in sorted(leaves, key=lambda leaf: (id(leaf) not in states, id(leaf) not in inputs)):
            letters[id(leaf)], numbers[id(leaf)] = next(free_letters), next(free_numbers)
        number = lambda size: _value(size, numbers, batch)  # noqa: E731
        found = Shapes()
        for name in order:
            rows, columns = self.of[name]
            found.sizes[name] = (number(rows), number(columns))
            shown = [_letter(s, letters) for s in (rows, columns)]
            if shown[1] == "1" and shown[0] != "1":
                shown.pop()
            elif shown[0] == "1":
                shown.pop(0)
            found.letters[name] = "×".join(shown)
        return found


def _is_vector(shape: tuple[object, object], rows: bool) -> bool:
    return _root(shape[0]) == "B" if rows else _root(shape[1]) == 1


def _root(size: object) -> object:
    while isinstance(size, WrittenSize) and size.bound is not None:
        size = size.bound
    return size


def _leaves(size: object) -> list[WrittenSize]:
    size = _root(size)
    if isinstance(size, tuple):
        return [leaf for part in size for leaf in _leaves(part)]
    return [size] if isinstance(size, WrittenSize) else []


def _value(size: object, numbers: dict[int, int], batch: int) -> int:
    size = _root(size)
    if isinstance(size, tuple):
        return sum(_value(s, numbers, batch) for s in size)
    return numbers[id(size)] if isinstance(size, WrittenSize) else batch if size == "B" else int(size)  # type: ignore[call-overload]


def _letter(size: object, letters: dict[int, str]) -> str:
    size = _root(size)
    if isinstance(size, tuple):
        parts = [_letter(s, letters) for s in size]
        return f"{len(parts)}{parts[0]}" if len(set(parts)) == 1 and len(parts) > 1 else f"({'+'.join(parts)})"
    return letters[id(size)] if isinstance(size, WrittenSize) else str(size)


def _words(size: object) -> str:
    return "that of a stack" if isinstance(size, tuple) else "the batch's" if size == "B" else str(size)
