"""Hypothesis strategies for whole recurrences: parameters, state, sequence, lengths, and cotangents of every output.

The values vary widely, the shapes do not: JAX compiles once per shape, so shapes come from a short fixed list. An array
is drawn as a *kind* of values and a seed, from which NumPy generates it. Drawing is therefore cheap. A failure shrinks
to the first shape, ordinary values, a zero initial state and seed 0, and stays readable: `repr(problem)` shows for
every array the call of `values` that makes it.

    from hypothesis import given
    from lstm_ref.strategies import problems

    @given(problems(my_cell))
    def test_my_backward_pass(problem): ...
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np
from hypothesis import strategies as st

from lstm_ref.cells.cell import Cell, arrays, in_domain, named, solve_sizes
from lstm_ref.shapes import Outputs


class Sizes(NamedTuple):
    """Sizes of one recurrence: T steps, B rows in the batch, D inputs, H hidden units."""

    T: int
    B: int
    D: int
    H: int


SHAPES = (
    Sizes(6, 2, 3, 4),
    Sizes(0, 2, 3, 4),
    Sizes(1, 2, 3, 4),
    Sizes(4, 1, 3, 2),
    Sizes(5, 2, 3, 1),
    Sizes(5, 2, 1, 3),
)
"""First pairwise distinct sizes, so that no axis can be mistaken for another; then no step, one step, one row, one
unit, one input."""

KINDS = ("ordinary", "zero", "tiny", "saturated", "repeated", "mixed")
"""Kinds of values, the simplest first."""

EXPONENTIAL = ("slstm", "mlstm")
"""Derivation pages of the cells with exponential gates."""

SATURATED = 30.0
"""Scale of saturated values. The product of two puts a sigmoid within an ulp of 0 or 1, and no float32 overflows."""


def values(kind: str, seed: int, shape: Sequence[int], dtype: Any = np.float64) -> np.ndarray:
    """An array of one kind; the same arguments give the same array.

    Args:
        kind: "ordinary" (normal, scale ½), "zero", "tiny" (1e-8 to 1e-3, either sign), "saturated" (normal, scale 30),
            "repeated" (only two distinct values) or "mixed" (each element of a random kind).
        seed: Seed of the random numbers.
        shape: Shape of the array.
        dtype: Floating dtype of the array.

    Returns:
        The array.

    Example:
        >>> values("zero", 0, (2, 2)).tolist()
        [[0.0, 0.0], [0.0, 0.0]]
    """
    shape, rng = tuple(shape), np.random.default_rng(seed)
    ordinary = rng.standard_normal(shape) / 2
    tiny = rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(-8, -3, shape)
    repeated = rng.choice(rng.standard_normal(2), shape)
    made = {
        "ordinary": ordinary,
        "zero": np.zeros(shape),
        "tiny": tiny,
        "saturated": 2 * SATURATED * ordinary,
        "repeated": repeated,
    }
    made["mixed"] = np.choose(rng.integers(0, len(made), shape), list(made.values()))
    return made[kind].astype(dtype)


def kinds_for(cell: Cell) -> tuple[str, ...]:
    """The kinds that a cell can compute with. Exponential gates exclude saturated values: mLSTM's e^-m overflows, and
    sLSTM divides by a normaliser that balls at float precision cannot distinguish from zero."""
    return tuple(k for k in KINDS if not (cell.page in EXPONENTIAL and k in ("saturated", "mixed")))


@dataclass(frozen=True, eq=False)
class SequenceProblem:
    """One recurrence to differentiate: plain NumPy arrays of one floating dtype, time-major."""

    cell: Cell
    params: Any
    """The cell's `Params`."""
    initial: Any
    """The cell's `State`, arrays (B, H)."""
    xs: Any
    """Inputs, (T, B, D)."""
    bar: Outputs
    """Cotangents of the outputs: hs (T, B, H) and the final state."""
    lengths: np.ndarray | None = None
    """Number of real steps, integers (B,) in 0..T; None: all steps."""
    reverse: bool = False
    how: dict[str, str] = field(default_factory=dict)
    """For the name of every array, the call that makes it."""

    @property
    def sizes(self) -> Sizes:
        """T, B, D, H. D equals H where the cell's input is as large as its output."""
        steps = {k: tuple(v.shape) for k, v in named(self.xs).items()}
        found = solve_sizes(
            ("xs", self.cell.x, {k: shape[1:] for k, shape in steps.items()}),
            ("initial", self.cell.state, {k: tuple(v.shape) for k, v in named(self.initial).items()}),
            ("params", self.cell.params, {k: tuple(v.shape) for k, v in named(self.params).items()}),
        )
        T = next(iter(steps.values()))[0]
        return Sizes(T, found["B"], found.get("D", found["H"]), found["H"])

    @property
    def arguments(self) -> tuple[Any, Any, Any]:
        """(params, initial, xs): the arguments that a recurrence is differentiated with respect to."""
        return self.params, self.initial, self.xs

    def __repr__(self) -> str:
        sizes = ", ".join(f"{k}={v}" for k, v in self.sizes._asdict().items())
        lengths = None if self.lengths is None else self.lengths.tolist()
        dtype = self.initial.h.dtype
        head = f"SequenceProblem({self.cell.name}, {sizes}, lengths={lengths}, reverse={self.reverse}, {dtype}"
        return "\n    ".join([head, *(f"{name} = {call}" for name, call in self.how.items())]) + ")"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Prints the problem in Hypothesis's failing example."""
        printer.text(repr(self))


class Recipe(NamedTuple):
    """An array that is not made yet. Its repr is the call that makes it."""

    kind: str
    seed: int
    shape: tuple[int, ...]
    dtype: str
    rows: tuple[bool, ...] | None = None
    """Which entries of the first axis are kept; the others are zero. None: all."""

    def make(self) -> np.ndarray:
        """Makes the array."""
        full = values(self.kind, self.seed, self.shape, self.dtype)
        if self.rows is not None:
            full[~np.array(self.rows, dtype=bool)] = 0
        return full

    def __repr__(self) -> str:
        call = f"values({self.kind!r}, {self.seed}, {self.shape}, {self.dtype!r})"
        return call if self.rows is None else f"{call} at {np.flatnonzero(self.rows).tolist()}, else 0"


def recipes(
    shape: Sequence[int], dtype: Any = np.float64, kinds: Sequence[str] = KINDS, first_seed: int = 0
) -> st.SearchStrategy[Recipe]:
    """A strategy for the kind and the seed of one array. The seed shrinks to `first_seed`."""
    return _recipes(tuple(shape), np.dtype(dtype).name, tuple(kinds), first_seed)


@cache  # every example of a problem asks for the same strategies again
def _recipes(shape: tuple[int, ...], dtype: str, kinds: tuple[str, ...], first_seed: int) -> st.SearchStrategy[Recipe]:
    seeds = st.integers(first_seed, first_seed + 2**16)
    return st.tuples(st.sampled_from(kinds), seeds).map(lambda drawn: Recipe(*drawn, shape, dtype))


def arrays_like(shape: Sequence[int], dtype: Any = np.float64, kinds: Sequence[str] = KINDS) -> st.SearchStrategy[Any]:
    """Arrays of the given shape and dtype, of any of the `kinds`."""
    return recipes(shape, dtype, kinds).map(Recipe.make)


def lengths(T: int, B: int) -> st.SearchStrategy[np.ndarray | None]:
    """A strategy: None, or integers (B,) from 0 to T; 0 and T are frequent."""
    one = st.sampled_from([T, 0]) | st.integers(0, T)
    return st.none() | st.lists(one, min_size=B, max_size=B).map(np.array)


@st.composite
def _cotangent_recipes(draw: st.DrawFn, cell: Cell, sizes: Sizes, dtype: Any) -> Outputs:
    T, B, D, H = sizes
    shapes = cell.state_shapes(B, H, D=D)
    hs = draw(recipes((T, *shapes.h), dtype, first_seed=100))
    which = draw(st.sampled_from(["every step", "none", "the last", "the first", "some"]))
    if which != "every step":
        rows = {"none": [], "the last": [T - 1], "the first": [0]}
        kept = rows[which] if which in rows else draw(st.lists(st.integers(0, max(T - 1, 0)), max_size=T))
        hs = hs._replace(rows=tuple(t in kept for t in range(T)))
    seeds = itertools.count(101)
    return Outputs(hs, arrays(shapes, lambda shape: draw(recipes(shape, dtype, first_seed=next(seeds)))))


def _is_recipe(v: Any) -> bool:
    return isinstance(v, Recipe)


def _make(tree: Any) -> Any:
    return jax.tree.map(Recipe.make, tree, is_leaf=_is_recipe)


def _called(owner: str, tree: Any) -> dict[str, str]:
    """For the name of every array, the call that makes it."""
    leaves = jax.tree.leaves_with_path(tree, is_leaf=_is_recipe)
    return {(owner + jax.tree_util.keystr(path)): repr(recipe) for path, recipe in leaves}


def cotangents(cell: Cell, sizes: Sizes, dtype: Any = np.float64) -> st.SearchStrategy[Outputs]:
    """A strategy for cotangents of any subset of the outputs; the others are zero. hs (T, B, H) has cotangents at some
    steps, and so has each array of the final state (B, H)."""
    return _cotangent_recipes(cell, sizes, dtype).map(_make)


@st.composite
def problems(
    draw: st.DrawFn,
    cell: Cell,
    dtype: Any = np.float64,
    shapes: Sequence[Sizes | tuple[int, int, int, int]] = SHAPES,
    lengths: st.SearchStrategy[Any] | None = None,
    reverse: st.SearchStrategy[bool] | None = None,
    kinds: Sequence[str] | None = None,
) -> SequenceProblem:
    """A strategy for random problems of one cell, to test a backward pass with.

    Args:
        cell: The cell.
        dtype: The floating dtype of all arrays.
        shapes: Sizes (T, B, D, H) to choose from.
        lengths: A strategy for the lengths; None: `lengths(T, B)`.
        reverse: A strategy for the direction; None: both directions.
        kinds: Kinds of values to choose from; None: `kinds_for(cell)`.

    Returns:
        A strategy for `SequenceProblem`.
    """
    sizes = Sizes(*draw(st.sampled_from(shapes)))
    T, B, D, H = sizes
    kinds = kinds_for(cell) if kinds is None else kinds
    initial_kinds = ("zero", *(k for k in kinds if k != "zero"))

    # Every array shrinks to its own seed, because equal arrays could be mistaken for one another.
    def each(shapes: Any, kinds: Sequence[str], first_seed: int) -> Any:
        seeds = itertools.count(first_seed)
        return arrays(shapes, lambda shape: draw(recipes(shape, dtype, kinds, next(seeds))))

    xs = each(arrays(cell.input_shapes(B, D, H=H), lambda shape: (T, *shape)), kinds, 0)
    params = each(cell.parameter_shapes(D, H), kinds, 1)
    initial = each(cell.state_shapes(B, H, D=D), initial_kinds, 50)
    bar = draw(_cotangent_recipes(cell, sizes, dtype))
    drawn = {"params": params, "initial": initial, "xs": xs, "bar": bar}
    return SequenceProblem(
        cell,
        _make(params),
        in_domain(cell, _make(initial)),
        _make(xs),
        _make(bar),
        draw(_lengths(T, B) if lengths is None else lengths),
        draw(st.booleans() if reverse is None else reverse),
        {name: call for owner, tree in drawn.items() for name, call in _called(owner, tree).items()},
    )


_lengths = lengths
