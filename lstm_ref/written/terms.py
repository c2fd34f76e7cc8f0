"""A written equation as a tree: symbols at times, products of three kinds, functions, stacks, sums over time.

The three products differ in how tightly they bind and in what they do to shapes: `Dot` is written by standing side by
side, `Had` (Hadamard) by ⊙, ∘ or *, `Outer` by ⊗ or ⟨·, ·⟩. Trees are immutable; `replaced` makes an edited copy.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeAlias


@dataclass(frozen=True)
class Time:
    """A step: `offset` steps after `anchor`, which is "t", "T" (the last step) or "" (counted from 0)."""

    anchor: str = "t"
    offset: int = 0
    where: str = field(default="", compare=False)
    """Where it is written: "_", "^" or "("."""


@dataclass(frozen=True)
class Name:
    """A letter with everything that belongs to it but its time: accent, labels below and above."""

    letter: str
    accent: str = ""
    below: str = ""
    above: str = ""

    def __str__(self) -> str:
        body = f"{self.accent} {self.letter}" if self.accent else self.letter
        return body + (f"_{{{self.below}}}" if self.below else "") + (f"^{{{self.above}}}" if self.above else "")


class Node:
    """What all terms have."""

    below: ClassVar[tuple[str, ...]] = ()
    """The fields that hold terms: a term, a tuple of terms, or a stack's tuple of tuples."""

    @functools.cached_property
    def descendants(self) -> tuple[Term, ...]:
        """Every term below. Kept, as an edited tree shares most of its terms with the one before."""
        return tuple(one for _, child in children(self) for one in child.subterms)

    @property
    def subterms(self) -> tuple[Term, ...]:
        """Every term of the tree, in the order of `walk`."""
        return (self, *self.descendants)


@dataclass(frozen=True)
class Num(Node):
    """A number."""

    value: float


@dataclass(frozen=True)
class Steps(Node):
    """The number of steps, as in 1/T."""


@dataclass(frozen=True)
class Sym(Node):
    """A named quantity at a time; without time, a parameter, or a value whose author does not write t."""

    name: Name
    time: Time | None = None


@dataclass(frozen=True)
class Adj(Node):
    """The derivative of the loss with respect to `of`. `mark` says how it is written; `part` is "" for the whole loss,
    "step" for what the loss of this step contributes directly."""

    of: Sym
    mark: str = field(default="frac", compare=False)
    part: str = ""


@dataclass(frozen=True)
class Fn(Node):
    """A function's name: "tanh", "sigmoid" …; `order` 1 is its derivative."""

    name: str
    order: int = 0


@dataclass(frozen=True)
class Apply(Node):
    """A function of an argument."""

    below = ("arg",)

    fn: Fn
    arg: Term


@dataclass(frozen=True)
class Pow(Node):
    """An elementwise power."""

    below = ("base",)

    base: Term
    exponent: int


@dataclass(frozen=True)
class Neg(Node):
    """The negative."""

    below = ("arg",)

    arg: Term


@dataclass(frozen=True)
class Add(Node):
    """A sum of terms."""

    below = ("terms",)

    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Dot(Node):
    """Factors side by side: matrix products where the shapes ask for them, elementwise where they are equal."""

    below = ("factors",)

    factors: tuple[Term, ...]


@dataclass(frozen=True)
class Had(Node):
    """Elementwise product."""

    below = ("factors",)

    factors: tuple[Term, ...]


@dataclass(frozen=True)
class Outer(Node):
    """Outer product: every element of the one with every element of the other."""

    below = ("left", "right")

    left: Term
    right: Term
    is_angle: bool = field(default=False, compare=False)
    """Written ⟨·, ·⟩."""


@dataclass(frozen=True)
class Div(Node):
    """A quotient, elementwise."""

    below = ("over", "under")

    over: Term
    under: Term


@dataclass(frozen=True)
class Transpose(Node):
    """The transpose."""

    below = ("arg",)

    arg: Term


@dataclass(frozen=True)
class Diag(Node):
    """A vector as a diagonal matrix."""

    below = ("arg",)

    arg: Term


@dataclass(frozen=True)
class Stack(Node):
    """Blocks upon each other, or beside each other: along the axis of a vector; of matrices as written."""

    below = ("rows",)

    rows: tuple[tuple[Term, ...], ...]


@dataclass(frozen=True)
class StackedBlock(Node):
    """Block `index` of a stacked vector, whose blocks are as long as the quantities `like`."""

    below = ("arg",)

    arg: Term
    index: int
    like: tuple[Name, ...]


@dataclass(frozen=True)
class SumT(Node):
    """A sum over time; `low` and `high` are None where the author gives no bounds."""

    below = ("arg",)

    arg: Term
    low: Time | None = None
    high: Time | None = None


@dataclass(frozen=True)
class SumI(Node):
    """A sum over an index of units, as in Σ_j w_ij x_j; `indices` writes it as a product."""

    below = ("arg",)

    arg: Term
    index: str


@dataclass(frozen=True)
class SumB(Node):
    """A sum over the batch."""

    below = ("arg",)

    arg: Term


@dataclass(frozen=True)
class SumAll(Node):
    """A sum over all elements: an inner product's, or a norm's."""

    below = ("arg",)

    arg: Term


@dataclass(frozen=True)
class Jacobian(Node):
    """∂ of one quantity with respect to another that is not a loss."""

    of: Sym
    by: Sym
    ordered: bool = False
    """Written ∂⁺, Werbos's ordered derivative: over all paths, where a bare ∂ is direct."""


@dataclass(frozen=True)
class Brackets(Node):
    """What stands in round brackets, until it is known whether it is a factor or an argument."""

    below = ("arg",)

    arg: Term


@dataclass(frozen=True)
class Prime(Node):
    """A primed term, until it is known whether it is a derivative or a transpose."""

    below = ("arg",)

    arg: Term


@dataclass(frozen=True)
class Hole(Node):
    r"""The dot of \\sigma'(\\cdot)."""


Term: TypeAlias = Any
"""One of the classes above."""


def children(term: Term) -> list[tuple[Any, Term]]:
    """The terms directly below, each with its position: a field's name, or (field, index …)."""
    found: list[tuple[Any, Term]] = []
    for name in term.below:
        value = getattr(term, name)
        if name == "rows":
            found += [((name, r, k), v) for r, row in enumerate(value) for k, v in enumerate(row)]
        elif name in ("terms", "factors"):
            found += [((name, k), v) for k, v in enumerate(value)]
        else:
            found.append(((name,), value))
    return found


def with_child(term: Term, position: Any, new: Term) -> Term:
    """The term with one child in another's place."""
    name, *at = position
    value = getattr(term, name)
    if not at:
        return replace(term, **{name: new})
    if len(at) == 1:
        return replace(term, **{name: (*value[: at[0]], new, *value[at[0] + 1 :])})
    row = (*value[at[0]][: at[1]], new, *value[at[0]][at[1] + 1 :])
    return replace(term, **{name: (*value[: at[0]], row, *value[at[0] + 1 :])})


def walk(term: Term) -> Iterator[tuple[tuple[Any, ...], Term]]:
    """Every term of the tree with its path from the root."""
    rest: list[tuple[tuple[Any, ...], Term]] = [((), term)]
    while rest:
        path, term = rest.pop()
        yield path, term
        rest += [((*path, position), child) for position, child in reversed(children(term))]


def replaced(term: Term, path: tuple[Any, ...], new: Term) -> Term:
    """The tree with what stands at `path` replaced."""
    if not path:
        return new
    child = dict(children(term))[path[0]]
    return with_child(term, path[0], replaced(child, path[1:], new))


def mapped(term: Term, change: Callable[[Term], Term]) -> Term:
    """The tree with `change` applied to every term, leaves first."""
    changed = {}
    for name in term.below:
        value = getattr(term, name)
        if name == "rows":
            new = tuple([_all_mapped(row, change) for row in value])
            new = value if all(map(operator.is_, new, value)) else new
        elif name in ("terms", "factors"):
            new = _all_mapped(value, change)
        else:
            new = mapped(value, change)
        if new is not value:
            changed[name] = new
    return change(replace(term, **changed) if changed else term)


def _all_mapped(terms: tuple[Term, ...], change: Callable[[Term], Term]) -> tuple[Term, ...]:
    new = tuple([mapped(term, change) for term in terms])
    return terms if all(map(operator.is_, new, terms)) else new


def symbols(term: Term) -> Iterator[Sym]:
    """Every quantity that the tree reads by value."""
    return (found for found in term.subterms if isinstance(found, Sym))


def adjoints(term: Term) -> Iterator[Adj]:
    """Every adjoint that the tree reads."""
    return (found for found in term.subterms if isinstance(found, Adj))


def shifted(term: Term, steps: int) -> Term:
    """The tree, `steps` steps later."""

    def later(one: Term) -> Term:
        if isinstance(one, Sym) and one.time is not None and one.time.anchor == "t":
            return Sym(one.name, replace(one.time, offset=one.time.offset + steps))
        return replace(one, of=later(one.of)) if isinstance(one, Adj) else one

    return mapped(term, later) if steps else term


def distributed(term: Term) -> list[Term]:
    """(a + b) ⊙ c as a ⊙ c and b ⊙ c, where the sum is one of adjoints' terms; any other term as it stands."""
    if isinstance(term, SumT):
        return [replace(term, arg=one) for one in distributed(term.arg)]
    if isinstance(term, Had):
        for k, factor in enumerate(term.factors):
            if isinstance(factor, Add) and any(True for _ in adjoints(factor)):
                rest = (*term.factors[:k], *term.factors[k + 1 :])
                parts = (one.factors if isinstance(one, Had) else (one,) for one in factor.terms)
                return [one for part in parts for one in distributed(Had((*part, *rest)))]
    return [term]


def added(terms: list[Term]) -> Term:
    """A sum, flat, without an `Add` around a single term."""
    flat: list[Term] = []
    for term in terms:
        flat += term.terms if isinstance(term, Add) else [term]
    return flat[0] if len(flat) == 1 else Add(tuple(flat)) if flat else Num(0)
