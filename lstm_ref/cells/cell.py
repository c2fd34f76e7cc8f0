"""What a cell is: a record of plain functions. Code that runs through time is therefore written once for all cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from math import prod
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref import display
from lstm_ref.arithmetic import clip, step
from lstm_ref.errors import BadInput


class Cell(NamedTuple):
    """One recurrence. `Params`, `State` and `Nodes` are named tuples of arrays, or of such tuples.

    Shapes are written as text, one word for each axis: "B H", "D 4H". A word is a number times sizes: B is the batch, D
    the input, H the hidden size; a cell may have further sizes. The field `h` of every state, whose first axis is B, is
    the step's output.
    """

    name: str
    page: str
    """The derivation page, `derivations/<page>.md`."""
    params: Any
    """`Params` that holds shapes."""
    state: Any
    """`State` that holds shapes."""
    initial_parameters: Callable[..., Any]
    """(generator, D, H, and other sizes by name) -> Params of float64 NumPy arrays, for training."""
    forward: Callable[[Any, Any, Any], tuple[Any, Tape]]
    """(params, state, x) -> next state, tape."""
    backward: Callable[[Any, Tape, Any], Cotangents]
    """(params, tape, cotangent of the next state) -> `Cotangents`."""
    gates: str = ""
    """Letters of the gates, in the order of their blocks in the last axis of the parameters and of the node `a`."""
    x: Any = "B D"
    """Shape of a step's input, or a named tuple of shapes."""
    sizes: tuple[tuple[str, int], ...] = ()
    """Sizes other than B, D and H, each with its default."""
    positive: tuple[str, ...] = ()
    """Fields of the state that must be positive, because the step divides by them."""
    by_row: bool = True
    """Whether each row of the batch is computed independently, with the batch as the first axis of everything in the
    tape. The steps of a sequence can then be rows of one batch."""

    def __repr__(self) -> str:
        return f"<Cell {self.name}>"

    def _repr_html_(self) -> str:
        return display.html(self)

    def parameter_shapes(self, D: int, H: int, **sizes: int) -> Any:
        """`Params` that holds shapes as tuples of integers."""
        return filled(self.params, {**dict(self.sizes), "D": D, "H": H, **sizes})

    def state_shapes(self, B: int, H: int, **sizes: int) -> Any:
        """`State` that holds shapes as tuples of integers. For a cell whose state contains inputs, give D too."""
        return filled(self.state, {**dict(self.sizes), "B": B, "H": H, **sizes})

    def input_shapes(self, B: int, D: int, **sizes: int) -> Any:
        """The shape of a step's input, or a named tuple of shapes. Some cells need H too."""
        return filled(self.x, {**dict(self.sizes), "B": B, "D": D, **sizes})


class Tape(NamedTuple):
    """What one forward step keeps for its backward step."""

    x: Any
    """Input, (B, D)."""
    prev: Any
    """State before the step."""
    nodes: Any
    """Named values of the step, in forward order."""


class Cotangents(NamedTuple):
    """What one backward step returns: the cotangent of everything that the forward step read or named."""

    params: Any
    prev: Any
    """Cotangents of the state before the step."""
    x: Any
    nodes: Any
    """Cotangents of every named value, each the *total* over all equations that read it."""


# ------------------------------------------------------------------------------------- shared by most cells


class Affine(NamedTuple):
    """Parameters of x W_x + h W_h + b, with the blocks of all gates side by side."""

    w_x: Any
    """Input kernel."""
    w_h: Any
    """Recurrent kernel."""
    b: Any
    """Bias."""


def affine(rng: np.random.Generator, D: int, H: int, blocks: int = 1) -> Affine:
    """Glorot kernels, drawn block by block, and zero biases; float64."""
    return Affine(glorot(rng, D, H, blocks), glorot(rng, H, H, blocks), np.zeros(blocks * H))


def glorot(rng: np.random.Generator, fan_in: int, fan_out: int, blocks: int = 1) -> np.ndarray:
    """A kernel of shape (fan_in, blocks·fan_out), each block uniform in ±√(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward networks", 2010, eq. 16.
    """
    bound = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-bound, bound, (fan_in, blocks * fan_out))


def blocks(a: Any, number: int) -> tuple[Any, ...]:
    """Splits the last axis into equal blocks.

    Args:
        a: Array (..., number·H).
        number: Number of blocks.

    Returns:
        A tuple of `number` arrays (..., H).

    Example:
        >>> import numpy as np
        >>> [block.tolist() for block in blocks(np.arange(6), 3)]
        [[0, 1], [2, 3], [4, 5]]
    """
    H = a.shape[-1] // number
    return tuple(a[..., k * H : (k + 1) * H] for k in range(number))


def clipped(v: Any, bound: float | None) -> Any:
    """v limited to ±`bound`; unlimited where `bound` is None."""
    return 1 * v if bound is None else clip(v, bound)  # 1 * v makes a separate value, which can have its own name


def within(v: Any, bound: float | None) -> Any:
    """The derivative of `clipped`: 0 beyond the bound; 1 inside the bound and exactly at it."""
    return 1.0 if bound is None else 1 - step(v - bound) - step(-v - bound)


# --------------------------------------------------------------------------------------------------------- shapes


def in_domain(cell: Cell, state: Any) -> Any:
    """The state (NumPy floats) with absolute values in the fields that must be positive, and 1 in place of 0."""
    return state._replace(
        **{k: np.where((v := getattr(state, k)) == 0, 1, np.abs(v)).astype(v.dtype) for k in cell.positive}
    )


def named(values: Any) -> dict[str, Any]:
    """The arrays, or shapes, of a named tuple by name. Names inside a nested tuple start with the name of its field."""
    leaves = jax.tree.leaves_with_path(values, is_leaf=is_shape)
    return {jax.tree_util.keystr(path, simple=True, separator="_"): v for path, v in leaves}


def is_shape(v: Any) -> bool:
    """Whether this is a shape, and not a named tuple of shapes."""
    return isinstance(v, tuple) and not hasattr(v, "_fields")


def arrays(shapes: Any, make: Callable[[tuple[int, ...]], Any]) -> Any:
    """The same structure with `make(shape)` in place of every shape."""
    return jax.tree.map(make, shapes, is_leaf=is_shape)


def filled(shapes: Any, sizes: Mapping[str, int]) -> Any:
    """The shapes as tuples of integers. Raises BadInput for a size that is missing."""

    def one(shape: str) -> tuple[int, ...]:
        return tuple(_value(axis, sizes) for axis in shape.split())

    return jax.tree.map(one, shapes)


def solve_sizes(*groups: tuple[str, Any, Mapping[str, tuple[int, ...]]]) -> dict[str, int]:
    """Finds the sizes (B, D, H, …) that make symbolic shapes equal to actual shapes.

    Args:
        groups: Tuples (name of the group, its symbolic shapes, its actual shapes by name).

    Returns:
        Each size by its letter.

    Raises:
        BadInput: A shape does not fit; the message names it. Earlier shapes are assumed to be right.
    """
    found: dict[str, int] = {}
    every = [
        (f"{where} {name}".strip(), shape, came[name])
        for where, shapes, came in groups
        for name, shape in named(shapes).items()
        if name in came
    ]
    grown = True
    while grown:  # a size that was just solved may make another one solvable
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
    """The number and the sizes of one axis: "4NH" gives (4, ("N", "H"))."""
    number, letters = re.fullmatch(r"(\d*)([A-Z]*)", axis).groups()  # type: ignore[union-attr]
    return int(number or 1), tuple(letters)


def _value(axis: str, sizes: Mapping[str, int]) -> int:
    number, letters = factors(axis)
    for letter in letters:
        if letter not in sizes:
            raise BadInput(f"a shape needs the size {letter}, which is missing")
    return number * prod(sizes[letter] for letter in letters)
