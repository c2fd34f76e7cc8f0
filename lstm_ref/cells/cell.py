"""What a cell is: a record of plain functions, so that everything through time is written once for all cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from math import prod
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic import clip, step
from lstm_ref.errors import BadInput


class Cell(NamedTuple):
    """One recurrence. `Params`, `State`, `Nodes` are named tuples of arrays, or of such tuples.

    Shapes are written as text, an axis a word: "B H", "D 4H". A word is a number times sizes: B batch, D input, H
    hidden, and what other sizes a cell has. The field `h` of every state, whose first axis is B, is the step's output.
    """

    name: str
    page: str
    """The derivation page, `derivations/<page>.md`."""
    params: Any
    """Params of shapes."""
    state: Any
    """State of shapes."""
    initial_parameters: Callable[..., Any]
    """(generator, D, H, and other sizes by name) -> Params of float64 NumPy arrays, for training."""
    forward: Callable[[Any, Any, Any], tuple[Any, Tape]]
    """(params, state, x) -> next state, tape."""
    backward: Callable[[Any, Tape, Any], Cotangents]
    """(params, tape, cotangent of the next state) -> cotangents of everything."""
    gates: str = ""
    """Letters of the gates whose blocks stand side by side in the last axis of the parameters and of the node `a`."""
    x: Any = "B D"
    """Shape of a step's input, or a named tuple of shapes."""
    sizes: tuple[tuple[str, int], ...] = ()
    """Sizes beyond B, D and H, each with the value it has where nobody says otherwise."""
    positive: tuple[str, ...] = ()
    """Fields of the state that must be positive, or the step divides by zero."""
    by_row: bool = True
    """A row of the batch is computed by itself, and everything in the tape has the batch first: so the steps of a
    sequence can be rows of one batch."""

    def parameter_shapes(self, D: int, H: int, **sizes: int) -> Any:
        """Params of shapes."""
        return filled(self.params, {**dict(self.sizes), "D": D, "H": H, **sizes})

    def state_shapes(self, B: int, H: int, **sizes: int) -> Any:
        """State of shapes; of a cell whose state holds inputs, D is to be given too."""
        return filled(self.state, {**dict(self.sizes), "B": B, "H": H, **sizes})

    def input_shapes(self, B: int, D: int, **sizes: int) -> Any:
        """The shape of a step's input, or a named tuple of shapes; H is needed where the cell reads more."""
        return filled(self.x, {**dict(self.sizes), "B": B, "D": D, **sizes})


class Tape(NamedTuple):
    """What one forward step leaves for its backward step."""

    x: Any
    """Input, (B, D)."""
    prev: Any
    """State before the step."""
    nodes: Any
    """Named values of the step, in forward order."""


class Cotangents(NamedTuple):
    """What one backward step gives: the cotangent of each thing that the forward step read or named."""

    params: Any
    prev: Any
    """Of the state before the step."""
    x: Any
    nodes: Any
    """Of every named value, each the *total* over its readers."""


# ------------------------------------------------------------------------------- what most cells begin with


class Affine(NamedTuple):
    """Parameters of x W_x + h W_h + b, the blocks of all gates side by side."""

    w_x: Any
    """Input kernel."""
    w_h: Any
    """Recurrent kernel."""
    b: Any
    """Bias."""


def affine(rng: np.random.Generator, D: int, H: int, blocks: int = 1) -> Affine:
    """Glorot kernels, block by block, and zero biases, float64."""
    return Affine(glorot(rng, D, H, blocks), glorot(rng, H, H, blocks), np.zeros(blocks * H))


def glorot(rng: np.random.Generator, fan_in: int, fan_out: int, blocks: int = 1) -> np.ndarray:
    """A kernel of shape (fan_in, blocks·fan_out), each block uniform in ±√(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward networks", 2010, eq. 16.
    """
    bound = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-bound, bound, (fan_in, blocks * fan_out))


def blocks(a: Any, number: int) -> tuple[Any, ...]:
    """The blocks of the last axis, all of one size."""
    H = a.shape[-1] // number
    return tuple(a[..., k * H : (k + 1) * H] for k in range(number))


def clipped(v: Any, bound: float | None) -> Any:
    """v, no further from 0 than `bound`; None: no bound."""
    return 1 * v if bound is None else clip(v, bound)  # 1 * v: a value with a name of its own


def within(v: Any, bound: float | None) -> Any:
    """The derivative of `clipped`: 0 beyond the bound, 1 within and at the bound itself."""
    return 1.0 if bound is None else 1 - step(v - bound) - step(-v - bound)


# --------------------------------------------------------------------------------------------------------- shapes


def in_domain(cell: Cell, state: Any) -> Any:
    """The state, of NumPy floats, with the fields that must be positive made so; 1 for 0."""
    return state._replace(
        **{k: np.where((v := getattr(state, k)) == 0, 1, np.abs(v)).astype(v.dtype) for k in cell.positive}
    )


def named(values: Any) -> dict[str, Any]:
    """The arrays, or shapes, of a named tuple by name; those of a tuple within have its field before their own."""
    leaves = jax.tree.leaves_with_path(values, is_leaf=is_shape)
    return {jax.tree_util.keystr(path, simple=True, separator="_"): v for path, v in leaves}


def is_shape(v: Any) -> bool:
    """Whether this is a shape, and not a named tuple of shapes."""
    return isinstance(v, tuple) and not hasattr(v, "_fields")


def arrays(shapes: Any, make: Callable[[tuple[int, ...]], Any]) -> Any:
    """What `make` makes of every shape."""
    return jax.tree.map(make, shapes, is_leaf=is_shape)


def filled(shapes: Any, sizes: Mapping[str, int]) -> Any:
    """The shapes as tuples of integers. Raises BadInput for a size that is not given."""

    def one(shape: str) -> tuple[int, ...]:
        return tuple(_value(axis, sizes) for axis in shape.split())

    return jax.tree.map(one, shapes)


def solve_sizes(*groups: tuple[str, Any, Mapping[str, tuple[int, ...]]]) -> dict[str, int]:
    """The sizes by which shapes are as they came. A group is what it is called, its shapes, and what came, by name.

    Raises BadInput, saying which is not. What comes first is believed first.
    """
    found: dict[str, int] = {}
    every = [
        (f"{where} {name}".strip(), shape, came[name])
        for where, shapes, came in groups
        for name, shape in named(shapes).items()
        if name in came
    ]
    grown = True
    while grown:  # one that is solved may make another one solvable
        before = len(found)
        for _, shape, lengths in every:
            axes = shape.split()
            if len(axes) == len(lengths):
                for axis, length in zip(axes, lengths, strict=True):
                    number, letters = factors(axis)
                    unknown = [s for s in letters if s not in found]
                    known = number * prod(found[s] for s in letters if s in found)
                    if len(unknown) == 1 and known and length % known == 0:
                        found[unknown[0]] = length // known
        grown = len(found) > before
    for name, shape, lengths in every:
        used = {s for axis in shape.split() for s in factors(axis)[1]}
        wanted = filled(shape, found) if used <= found.keys() else f"({', '.join(shape.split())})"
        if wanted != lengths:
            given = ", ".join(f"{s}={found[s]}" for s in sorted(found))
            raise BadInput(f"{name} must have shape {wanted} for {given}, got {lengths}")
    return found


@cache
def factors(axis: str) -> tuple[int, tuple[str, ...]]:
    """An axis as a number and sizes: "4NH" is (4, ("N", "H"))."""
    number, letters = re.fullmatch(r"(\d*)([A-Z]*)", axis).groups()  # type: ignore[union-attr]
    return int(number or 1), tuple(letters)


def _value(axis: str, sizes: Mapping[str, int]) -> int:
    number, letters = factors(axis)
    for letter in letters:
        if letter not in sizes:
            raise BadInput(f"the size {letter} is needed for a shape and is not given")
    return number * prod(sizes[letter] for letter in letters)
