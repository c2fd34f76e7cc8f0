"""What a cell is: a record of plain functions, so that everything through time is written once for all cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Cell(NamedTuple):
    """One recurrence. Sizes: B batch, D input, H hidden. `Params`, `State`, `Nodes` are named tuples of arrays.

    The field `h` of every state, of shape (B, H), is the step's output.
    """

    name: str
    page: str
    """The derivation page, `derivations/<page>.md`."""
    parameter_shapes: Callable[[int, int], Any]
    """(D, H) -> Params of shapes."""
    state_shapes: Callable[[int, int], Any]
    """(B, H) -> State of shapes."""
    initial_parameters: Callable[[np.random.Generator, int, int], Any]
    """(generator, D, H) -> Params of float64 NumPy arrays, for training."""
    forward: Callable[[Any, Any, Any], tuple[Any, Tape]]
    """(params, state, x) -> next state, tape."""
    backward: Callable[[Any, Tape, Any], Cotangents]
    """(params, tape, cotangent of the next state) -> cotangents of everything."""
    gates: str = ""
    """Letters of the gates whose blocks stand side by side in the last axis of the parameters and of the node `a`."""


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


def glorot(rng: np.random.Generator, fan_in: int, fan_out: int, blocks: int = 1) -> np.ndarray:
    """A kernel of shape (fan_in, blocks·fan_out), each block uniform in ±√(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward networks", 2010, eq. 16.
    """
    bound = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-bound, bound, (fan_in, blocks * fan_out))
