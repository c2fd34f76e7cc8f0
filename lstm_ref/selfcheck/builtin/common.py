"""What the built-in problems share: sizes, random arrays, and the jitted scan that they are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from lstm_ref import sequence
from lstm_ref.cells import Cell
from lstm_ref.cells.cell import arrays, in_domain
from lstm_ref.cells.described import number_of_parameters

T, B, D, H, K = 6, 2, 3, 4, 5
SMALLER = ((3, 4), (2, 3), (1, 2))  # D, H
MANY_PARAMETERS = 250
LENGTHS = np.array([6, 3])
"""A full row and a padded one."""

Random = np.random.Generator


def like(rng: Random, shapes: Any, scale: float = 0.5) -> Any:
    """Normal random arrays of the given (named tuple of) shapes."""
    return arrays(shapes, lambda shape: scale * rng.standard_normal(shape))


def sizes_for(cell: Cell) -> tuple[int, int]:
    """D and H: smaller ones for a cell of many parameters, each of which costs evaluations of all steps in balls."""
    few = (sizes for sizes in SMALLER if number_of_parameters(cell, *sizes) <= MANY_PARAMETERS)
    return next(few, SMALLER[-1])


def recurrence(cell: Cell, rng: Random) -> dict[str, Any]:
    """Inputs of a recurrence: parameters, initial state, sequence."""
    D, H = sizes_for(cell)
    return {
        "params": like(rng, cell.parameter_shapes(D, H)),
        "initial": in_domain(cell, like(rng, cell.state_shapes(B, H, D=D))),
        "xs": arrays(cell.input_shapes(B, D, H=H), lambda shape: rng.standard_normal((T, *shape))),
    }


def arguments_of(inputs: Any) -> tuple[Any, Any, Any]:
    """Parameters, initial state, sequence."""
    return inputs["params"], inputs["initial"], inputs["xs"]


def named_gradients(gradients: sequence.Gradients) -> dict[str, Any]:
    """By the inputs' names."""
    return {"params": gradients.params, "initial": gradients.initial, "xs": gradients.xs}


def reference(cell: Cell, lengths: Any = None, reverse: bool = False) -> Callable[[Any], sequence.Outputs]:
    """The recurrence as a function of its inputs: the jitted scan on JAX arrays, the plain loop on all others."""

    def outputs(inputs: Any) -> sequence.Outputs:
        if on_jax(inputs["xs"]):
            return sequence.scan(cell, *arguments_of(inputs), lengths, reverse)
        return sequence.loop(cell, *arguments_of(inputs), lengths, reverse)[0]

    return outputs


def as_arrays_of(inputs: Any, xs: Any) -> Any:
    """The sequence as JAX arrays, where the inputs are: a constant is not by itself."""
    return jax.tree.map(jax.numpy.asarray, xs) if on_jax(inputs) else xs


def on_jax(xs: Any) -> bool:
    """Whether some of the arrays are JAX's."""
    return any(isinstance(x, jax.Array) for x in jax.tree.leaves(xs))


def numpy_alone(xs: Any) -> None:
    """Keeps the plain loop the definition: it runs on NumPy and on balls, and is not unrolled into a trace."""
    if on_jax(xs):
        raise TypeError("the plain loop is proven on NumPy arrays and balls")
