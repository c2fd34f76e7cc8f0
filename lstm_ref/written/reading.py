r"""What the equations of a page are: the forward pass, its quantities, and the lines of the backward pass.

A letter's role is seen from how it is used. A symbol that an equation without adjoints defines is a value; one that is
read and never defined is an input where it has a time, else a parameter; a value read at t − 1 is a state. What is
written with ∂, ∇, δ, d or a bar is an adjoint. A bar is part of a name where the page defines barred symbols from
unbarred ones (Greff's pre-activations), and an adjoint elsewhere. A symbol of the backward pass that is none of these
(a bare δ_t, a δ_o) is *open*: `conventions` finds what it stands for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lstm_ref.written.parser import WrittenEquation
from lstm_ref.written.terms import Adj, Apply, Had, Name, Sym, Term, Time, symbols

NOW = Time()
PREACTIVATION = "preactivation"


@dataclass(frozen=True)
class Definition:
    """A value of the forward pass and the term that makes it."""

    name: Name
    right: Term
    equation: WrittenEquation


@dataclass(frozen=True)
class Summand:
    """An equation that adds to what another one says of the same quantity, as `+=` does."""

    equation: WrittenEquation
    left: Term
    terms: int
    """How many terms of the sum come from it; the equations' terms follow each other in order."""
    apart: int
    """How many steps later it stands in the sum than where it is written."""


@dataclass(frozen=True)
class BackwardLine:
    """One claim of the backward pass: two sides that should be equal."""

    equation: WrittenEquation
    left: Term
    right: Term
    summands: tuple[Summand, ...] = ()
    """The equations that the right side is the sum of, where they are several."""
    jacobian: Term | None = None
    """The left side as written, where it is ∂h_t/∂c_t: both sides are then what they make of an adjoint of h_t."""

    @property
    def target(self) -> Sym | None:
        """The quantity that the left side belongs to: the value of an adjoint, or an open symbol itself."""
        return self.left.of if isinstance(self.left, Adj) else self.left if isinstance(self.left, Sym) else None

    @property
    def written(self) -> Term:
        """The right side as written."""
        if self.jacobian is None:
            return self.right
        return self.right.factors[1] if isinstance(self.right, Had) else self.right.factors[0].arg


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
    totals: set[Name] = field(default_factory=set)
    """Values that are one for all steps, as a context c = Σ_t α_t h_t."""
    lines: list[BackwardLine] = field(default_factory=list)
    open: list[Name] = field(default_factory=list)
    """Symbols of the backward pass whose meaning the page does not say."""
    loss: Term | None = None
    """The loss of one step, where the page gives it."""
    loss_letter: str = "L"
    """What the page derives."""
    step_loss_letter: str = "L"
    """What it calls the loss of one step."""
    ordered: bool = False
    """The page writes ∂⁺ for derivatives over all paths: its plain ∂ is the direct one."""
    functions: list[Name] = field(default_factory=list)
    """Letters that stand for some activation function."""
    said_functions: dict[Name, str] = field(default_factory=dict)
    """Of these, the ones that the page says, as in f = tanh."""
    row_adjoints: str = ""
    """What the page writes in numerator layout, where vectors are columns and their adjoints rows."""
    turned: set[Name] = field(default_factory=set)
    """The quantities whose adjoints it writes so."""
    rows: bool = False
    """Vectors are rows: the page multiplies x W."""
    timed: bool = True
    """The page writes t."""
    indexed: bool = False
    """The page writes elements, w_ij x_j, for vectors and matrices."""
    refused: list[tuple[WrittenEquation, str]] = field(default_factory=list)
    """Equations in indices that have no form in vectors and matrices, with place and reason."""

    @property
    def loss_of_totals(self) -> bool:
        """Whether the loss reads nothing of single steps."""
        read = set() if self.loss is None else {s.name for s in symbols(self.loss)} & set(self.values)
        return bool(read) and read <= self.totals

    def at(self, name: Name) -> Sym:
        """A value now; one of all steps without a time."""
        return Sym(name, None if name in self.totals else NOW)

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
    return name.letter == PREACTIVATION
