"""A cell's hand-written backward pass against the derivative of its forward, as terms: for all values and all sizes.

The cell's own code runs on arrays of terms. Its forward gives every named value as a polynomial of values before it,
its backward every adjoint as a polynomial of adjoints before it: both are named wherever they are read. From the sum
Σ bar · (new state), `adjoints` goes back value by value: each hands on its adjoint as written by hand, so what arrives
at the next is what that one's line must say. Where every line says it, all are right, by induction from the newest
value back; a line that does not is wrong itself, and no other for its sake.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax

from lstm_ref.cells import Cell, Cotangents, Tape
from lstm_ref.cells.cell import factors, named
from lstm_ref.symbolic.adjoints import adjoints
from lstm_ref.symbolic.arrays import Terms, terms
from lstm_ref.symbolic.functions import is_zero
from lstm_ref.symbolic.inputs import axis_letters, inputs
from lstm_ref.symbolic.naming import with_names
from lstm_ref.symbolic.point import Point
from lstm_ref.symbolic.sizes import CannotProve, size
from lstm_ref.symbolic.terms import STEP, ZERO, Atom, Polynomial, unnamed
from lstm_ref.symbolic.writing import text


@dataclass(frozen=True)
class Difference:
    """An adjoint for which the hand-written equations and the derivative differ."""

    name: str
    """The value whose adjoint it is, with its block: "w_x_f"."""
    derived: str
    """The terms that only the derivative has."""
    written: str
    """The terms that only the hand-written equation has."""

    def __str__(self) -> str:
        return f"in the adjoint of {self.name}, the derivative has {self.derived}, and the equation {self.written}"


@dataclass(frozen=True)
class Proof:
    """Whether the equations of a backward pass are those of the derivative, as terms."""

    name: str
    proven: bool
    adjoints: int
    """How many were compared, block by block."""
    terms: int
    """How many terms they have."""
    kinks: tuple[str, ...]
    """What must not be zero: the steps at which the code branches."""
    sizes: str
    """For which sizes: "all B, D, H; N = 2"."""
    differences: tuple[Difference, ...]
    why_not: str
    """Why the code cannot be read as terms; empty where it can."""
    seconds: float

    @property
    def sentence(self) -> str:
        """The answer in a few words."""
        if self.proven:
            return "yes, away from kinks" if self.kinks else "yes"
        return f"no: {self.why_not or self.differences[0]}"


def unproven(name: str, why_not: str, started: float) -> Proof:
    """The result for code that cannot be read as terms."""
    return Proof(
        name=name,
        proven=False,
        adjoints=0,
        terms=0,
        kinks=(),
        sizes="",
        differences=(),
        why_not=why_not,
        seconds=time.perf_counter() - started,
    )


class ForwardOnTerms(NamedTuple):
    """A step's forward on terms."""

    p: Any
    state: Any
    x: Any
    tape: Tape
    bar: Any
    """Cotangent of the new state."""
    total: Polynomial
    """Σ bar · (new state)."""
    gates: str
    """Letters of the blocks of an axis that has as many."""
    sizes: str
    """Which sizes are open, and what the others are."""


NOT_FOR_TERMS = (TypeError, AttributeError, ValueError, IndexError, KeyError)
"""What code raises that does with arrays what arrays of terms cannot."""


def prove(cell: Cell) -> Proof:
    """Compares one step's backward pass with the derivative of its forward.

    Args:
        cell: The cell. Sizes beside B, D and H are left open too, where the code does; else they have their defaults.

    Returns:
        The proof, or why there is none. A difference does not by itself say that the equations are wrong, but that they
        have another normal form than the derivative.
    """
    started = time.perf_counter()
    why_not = ""
    for fixed in ({}, dict(cell.sizes)) if cell.sizes else ({},):
        try:
            return compare(cell.name, run_forward(cell, fixed), cell.backward, started)
        except CannotProve as error:
            why_not = str(error)
        except NOT_FOR_TERMS as error:
            why_not = f"{type(error).__name__}: {error}"
    return unproven(cell.name, why_not, started)


def run_forward(cell: Cell, fixed: Mapping[str, int]) -> ForwardOnTerms:
    """The step's forward on terms.

    Args:
        cell: The cell.
        fixed: Sizes that are numbers; all others are open.

    Raises:
        CannotProve: The code has no reading as terms.
    """
    letters = sorted({s for axis in _axes(cell) for s in factors(axis)[1]})
    sizes = {letter: fixed.get(letter) or size(letter) for letter in letters}
    p = inputs(cell.params, sizes, "{}", cell.gates)
    state, bar = (inputs(cell.state, sizes, name, cell.gates) for name in ("{}_prev", "next_{}_bar"))
    x = inputs(cell.x, sizes, "{}" if hasattr(cell.x, "_fields") else "x", cell.gates)
    read = [_atom_of(block)[0] for array in jax.tree.leaves((p, state, x, bar)) for block in array.grid.flat]
    if len(set(read)) < len(read):  # an atom is known by its name
        raise CannotProve(f"two inputs are called {next(a for a in read if read.count(a) > 1)}")
    new, tape = with_names(partial(cell.forward, p, state, x), lambda made: named(made[1].nodes), cell.gates)
    said = f"all {', '.join(s for s in letters if s not in fixed)}" + "".join(f"; {s} = {n}" for s, n in fixed.items())
    return ForwardOnTerms(p, state, x, tape, bar, paired(bar, new), cell.gates, said)


def compare(name: str, forward: ForwardOnTerms, backward: Callable[..., Cotangents], started: float) -> Proof:
    """The proof of a backward pass. Raises CannotProve where it has no reading as terms."""
    p, state, x, tape, bar, total, gates, sizes = forward
    given = with_names(partial(backward, p, tape, bar), _adjoints_by_name, gates)
    nodes = list(_beside(tape.nodes, given.nodes))
    known: dict[Atom, Polynomial] = {}
    for own, labels, by_hand, _ in nodes:
        known.setdefault(own, by_hand.relabelled({label: k for k, label in enumerate(labels)}))
    pairs = [(tape.nodes, given.nodes), (p, given.params), (state, given.prev), (x, given.x)]
    return judge(name, total, pairs, sizes, started, known)


def judge(
    name: str,
    total: Polynomial,
    pairs: Iterable[tuple[Any, Any]],
    sizes: str,
    started: float,
    known: Mapping[Atom, Polynomial] | None = None,
) -> Proof:
    """Compares adjoints as written by hand with the derivative of a sum.

    Args:
        name: Of what it is the proof.
        total: The sum, without free labels.
        pairs: Arrays of atoms, or structures of them, each with its adjoints as written by hand.
        sizes: For which sizes.
        started: When the proof was begun.
        known: Adjoints to be handed on as written by hand, by atom.
    """
    derived = adjoints(total, known or {})
    differences, compared, point = [], 0, Point()
    every = [one for of, bars in pairs for one in _beside(of, bars)]
    for own, labels, by_hand, letters in every:
        right = derived.get(own, ZERO).relabelled(dict(enumerate(labels)))
        compared += len(right.terms)
        written = unnamed(by_hand)
        missing = right - written
        if missing and (point.tells_from_zero(missing) or not is_zero(missing)):
            only = [Polynomial({m: c for m, c in v.terms.items() if m in missing.terms}) for v in (right, written)]
            differences.append(Difference(own.name, *(text(v, letters) for v in only)))
    kinks = steps_within([total, *(by_hand for _, _, by_hand, _ in every)])
    return Proof(
        name=name,
        proven=not differences,
        adjoints=len(every),
        terms=compared,
        kinks=kinks,
        sizes=sizes,
        differences=tuple(differences),
        why_not="",
        seconds=time.perf_counter() - started,
    )


def _adjoints_by_name(given: Cotangents) -> dict[str, Any]:
    return {f"{name}_bar": bar for name, bar in named(given.nodes).items()}


# ------------------------------------------------------------------------------------------------------- the parts


def paired(bar: Any, values: Any) -> Polynomial:
    """Σ bar · value, over all arrays of both."""
    total = ZERO
    for one, other in zip(jax.tree.leaves(bar), jax.tree.leaves(values), strict=True):
        if one.axes != other.axes:
            raise CannotProve(f"a cotangent of shape {one.shape} for a value of shape {other.shape}")
        total = total + (one * other).sum().grid[()]
    return total


def steps_within(polynomials: Iterable[Polynomial]) -> tuple[str, ...]:
    """The arguments of all steps within these polynomials; none of them may be zero."""
    found: dict[str, None] = {}
    seen: set[Atom] = set()
    left = [a for v in polynomials for a in v.atoms]
    while left:
        a = left.pop()
        if a.argument is not None and a not in seen:
            seen.add(a)
            left += a.argument.atoms
            if a.kind == STEP:
                found[text(a.argument, "bhij")] = None
    return tuple(found)


def _axes(cell: Cell) -> Iterator[str]:
    for shape in jax.tree.leaves((cell.params, cell.state, cell.x)):
        yield from shape.split()


def _beside(of: Any, bars: Any) -> Iterator[tuple[Atom, tuple[int, ...], Polynomial, tuple[str, ...]]]:
    """Block by block, every value's atom and its labels, its adjoint as written by hand, and letters for its axes."""
    values, given = ({"": v} if isinstance(v, Terms) else named(v) for v in (of, bars))
    for name, one in values.items():
        bar = terms(given[name]) if name in given else None
        if bar is None or one.axes != bar.axes:
            came = f"has the shape {bar.shape}" if bar is not None else "is not given"
            raise CannotProve(f"the adjoint of {name or 'x'} {came}, not {one.shape}")
        for block, by_hand in zip(one.grid.flat, bar.grid.flat, strict=True):
            yield *_atom_of(block), by_hand, axis_letters(one)


def _atom_of(block: Polynomial) -> tuple[Atom, tuple[int, ...]]:
    """The atom that the block is."""
    if block.alone:
        return block.alone
    raise CannotProve(f"the named value {text(block)} is none that the forward computes by itself")
