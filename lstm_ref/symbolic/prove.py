"""A cell's hand-written backward pass against the derivative of its forward, as terms: for all values and all sizes.

The cell's own code runs on arrays of terms. Its forward gives every named value as a polynomial of values before it, its
backward every adjoint as a polynomial of adjoints before it: both are named wherever they are read. From the sum
Σ bar · (new state), `adjoints` goes back value by value: each hands on its adjoint as written by hand, so what arrives
at the next is what that one's line must say. Where every line says it, all are right, by induction from the newest value
back; a line that does not is wrong itself, and no other for its sake.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.cells import Cell, Cotangents, Tape
from lstm_ref.cells.cell import factors, named
from lstm_ref.symbolic.adjoints import adjoints
from lstm_ref.symbolic.arrays import Axis, Terms, axis_of, block_name, terms, with_names
from lstm_ref.symbolic.functions import is_zero
from lstm_ref.symbolic.point import Point
from lstm_ref.symbolic.sizes import CannotProve, Size, product, size
from lstm_ref.symbolic.terms import INPUT, STEP, ZERO, Atom, Polynomial, atom, unnamed, value
from lstm_ref.symbolic.writing import text


@dataclass(frozen=True)
class Difference:
    """One adjoint that the hand-written equations give otherwise than the derivative."""

    name: str
    """Of what it is the adjoint, with the block: "w_x[f]"."""
    missing: str
    """What would have to be added to the hand-written one, as text."""

    def __str__(self) -> str:
        return f"the adjoint of {self.name} lacks {self.missing}"


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
    """What has no reading as terms."""
    return Proof(name, False, 0, 0, (), "", (), why_not, time.perf_counter() - started)


class Forward(NamedTuple):
    """A step's forward on terms."""

    p: Any
    state: Any
    x: Any
    tape: Tape
    bar: Any
    """Cotangent of the new state."""
    total: Polynomial
    """Σ bar · (new state)."""
    sizes: str


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
    return unproven(cell.name, why_not, started)


def run_forward(cell: Cell, fixed: Mapping[str, int] = {}) -> Forward:  # noqa: B006
    """The step's forward on terms.

    Args:
        cell: The cell.
        fixed: Sizes that are numbers; all others are open.

    Raises:
        CannotProve: The code has no reading as terms.
    """
    letters = sorted({s for axis in _axes(cell) for s in factors(axis)[1]})
    sizes = {letter: fixed.get(letter) or size(letter) for letter in letters}
    p, state, bar = (inputs(v, sizes, f, cell.gates) for v, f in ((cell.params, "{}"), (cell.state, "{}_prev"), (cell.state, "{}_bar")))
    x = inputs((cell.x,), sizes, "x", cell.gates)[0] if isinstance(cell.x, str) else inputs(cell.x, sizes, "{}", cell.gates)
    new, tape = with_names(partial(cell.forward, p, state, x), lambda made: named(made[1].nodes), cell.gates)
    total = paired(bar, new)
    said = f"all {', '.join(s for s in letters if s not in fixed)}" + "".join(f"; {s} = {n}" for s, n in fixed.items())
    return Forward(p, state, x, tape, bar, total, said)


def compare(name: str, forward: Forward, backward: Callable[..., Cotangents], started: float) -> Proof:
    """The proof of a backward pass. Raises CannotProve where it has no reading as terms."""
    p, state, x, tape, bar, total, sizes = forward
    given = with_names(partial(backward, p, tape, bar), _adjoints_by_name)
    nodes = list(_beside(tape.nodes, given.nodes))
    known: dict[Atom, Polynomial] = {}
    for own, labels, by_hand, _ in nodes:
        known.setdefault(own, by_hand.relabelled({label: k for k, label in enumerate(labels)}))
    return judge(name, total, [(tape.nodes, given.nodes), (p, given.params), (state, given.prev), (x, given.x)], sizes, started, known)


def judge(
    name: str,
    total: Polynomial,
    pairs: Iterable[tuple[Any, Any]],
    sizes: str,
    started: float,
    known: Mapping[Atom, Polynomial] = {},  # noqa: B006
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
    derived = adjoints(total, known)
    differences, terms, point = [], 0, Point()
    every = [one for of, bars in pairs for one in _beside(of, bars)]
    for own, labels, by_hand, letters in every:
        right = derived.get(own, ZERO).relabelled(dict(enumerate(labels)))
        terms += len(right.terms)
        missing = right - unnamed(by_hand)
        if missing and (point.tells_from_zero(missing) or not is_zero(missing)):
            differences.append(Difference(own.name, text(missing, letters)))
    kinks = steps_within([total, *(by_hand for _, _, by_hand, _ in every)])
    return Proof(
        *(name, not differences, len(every), terms, kinks, sizes, tuple(differences), ""),
        time.perf_counter() - started,
    )


def _adjoints_by_name(given: Cotangents) -> dict[str, Any]:
    return {f"{name}_bar": bar for name, bar in named(given.nodes).items()}


# ------------------------------------------------------------------------------------------------------- the parts


def inputs(shapes: Any, sizes: Mapping[str, Any], name: str = "{}", gates: str = "") -> Any:
    """Arrays of terms whose elements are inputs: the same structure as the shapes.

    Args:
        shapes: Shapes as text, "B 4H", in a named tuple.
        sizes: Every size by its letter.
        name: How the field's name becomes that of the values.
        gates: Letters for the blocks of an axis that has as many.
    """

    def one(path: Any, shape: str) -> Terms:
        called = name.format(jax.tree_util.keystr(path, simple=True, separator="_"))
        axes = tuple(axis_of(product([n, *(sizes[s] for s in letters)])) for n, letters in map(factors, shape.split()))
        return input_array(called, axes, gates)

    return jax.tree_util.tree_map_with_path(one, shapes)


def input_array(name: str, axes: tuple[Axis, ...], gates: str = "", kind: str = INPUT) -> Terms:
    """An array of inputs: one atom for each block."""
    shape = tuple(len(axis.blocks) for axis in axes)
    grid = np.empty(shape, object)
    for n, place in enumerate(np.ndindex(shape)):
        lengths = [axis.blocks[k] for axis, k in zip(axes, place, strict=True)]
        labels = tuple(k for k, length in enumerate(lengths) if isinstance(length, Size))
        block = atom(kind, block_name(name, n, grid.size, gates), tuple(lengths[k] for k in labels))
        grid[place] = value(block, labels)
    return Terms(grid, axes)


def paired(bar: Any, values: Any) -> Polynomial:
    """Σ bar · value, over all arrays of both."""
    total = ZERO
    for one, other in zip(jax.tree.leaves(bar), jax.tree.leaves(values), strict=True):
        if one.axes != other.axes:
            raise CannotProve(f"a cotangent of shape {one.shape} for a value of shape {other.shape}")
        total = total + (one * other).sum().grid[()]
    return total


def steps_within(polynomials: Iterable[Polynomial]) -> tuple[str, ...]:
    """What must not be zero: the arguments of all steps in these polynomials, and in what these are made of."""
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


def axis_letters(array: Terms) -> tuple[str, ...]:
    """A letter for the index along each axis: that of its size, with primes where it comes again."""
    letters: list[str] = []
    for axis in array.axes:
        letter = str(axis.blocks[0]).lower() if axis.blocks and isinstance(axis.blocks[0], Size) else "-"
        letters.append(letter + "'" * sum(letter == one.rstrip("'") for one in letters))
    return tuple(letters)


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
