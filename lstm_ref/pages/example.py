"""One step of a cell at random numbers, for a derivation page: compares the adjoints that the page claims with
autodiff."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import Cell
from lstm_ref.cells.cell import arrays, in_domain, named
from lstm_ref.pages.probes import with_probes

T, B, D, H = 6, 2, 3, 4

ROUNDING = 1e-13
"""Tolerance relative to the largest element: a step is some hundred float64 operations on numbers of size one."""


class Example:
    """One step of a cell at random numbers.

    Args:
        cell: The cell.
        seed: Seed of the numbers.

    Attributes:
        p, prev, x: What the step reads: parameters, previous state and input.
        bar: The cotangent of the state that it computes.
        state: That state.
        nodes: The named values of the step.
        adjoints: By name, the adjoints by autodiff of the named values and of everything that the step reads: a
            parameter by its field, the previous state's `h` as `prev_h`, the input as `x`.

    Example:
        >>> from lstm_ref.cells import rnn_tanh
        >>> from lstm_ref.pages.example import Example
        >>> step = Example(rnn_tanh)
        >>> step.proves(h=step.bar.h)
    """

    def __init__(self, cell: Cell, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)

        def drawn(shapes: Any) -> Any:
            return arrays(shapes, lambda shape: rng.standard_normal(shape) / 2)

        states = cell.state_shapes(B, H, D=D)
        self.cell = cell
        self.p, self.prev, self.x, self.bar = map(
            drawn, (cell.parameter_shapes(D, H), states, cell.input_shapes(B, D, H=H), states)
        )
        self.prev = in_domain(cell, self.prev)
        self.state, self._tape = cell.forward(self.p, self.prev, self.x)
        self.nodes = self._tape.nodes
        zeros = jax.tree.map(np.zeros_like, self.nodes)
        probed = with_probes(cell)
        with x64():
            read = jax.tree.map(jax.numpy.asarray, (self.p, self.prev, self.x, zeros))
            _, vjp = jax.vjp(lambda *read: probed(*read)[0], *read)
            found = jax.tree.map(np.asarray, vjp(jax.tree.map(jax.numpy.asarray, self.bar)))
        self.adjoints = _by_name(*found)

    def proves(self, **claimed: Any) -> None:
        """Compare each claimed adjoint with autodiff. Raises AssertionError that names the first one that differs."""
        for name, value in claimed.items():
            truth = self.adjoints[name]
            assert np.shape(value) == truth.shape, f"{name} has shape {np.shape(value)}, expected {truth.shape}"
            error = np.max(np.abs(value - truth), initial=0.0)
            assert error <= ROUNDING * max(1.0, np.max(np.abs(truth), initial=0.0)), f"{name} is off by {error:.2g}"

    def proves_the_package(self) -> None:
        """Compare every adjoint of the cell's own backward pass with autodiff, likewise."""
        given = self.cell.backward(self.p, self._tape, self.bar)
        self.proves(**_by_name(given.params, given.prev, given.x, given.nodes))


def _by_name(params: Any, prev: Any, x: Any, nodes: Any) -> dict[str, Any]:
    inputs = named(x) if hasattr(x, "_fields") else {"x": x}
    return {**named(params), **{f"prev_{k}": v for k, v in named(prev).items()}, **inputs, **named(nodes)}
