"""Mistakes in the order of the gates: the backward has the blocks of i, f, g, o in another order than the forward.

The backward meets the order four times: it reads the gates that the forward kept, writes the blocks of a_bar, reads the
kernels' blocks (x_bar = a_bar W_xᵀ), and writes the blocks of the parameters' gradients. A mistake in all four places,
or in one, is made here from the right backward pass: it is given arrays in the wrong order, or its results are put in
the wrong order, and no equation is edited. Writing the blocks of a_bar in another order equals reading the kernels in
the inverse order and writing their gradients in this order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import permutations
from typing import Any

import jax

from lstm_ref.cells import Cell
from lstm_ref.mistakes.between_steps import Structural
from lstm_ref.mistakes.recurrence import ClaimedAdjoints, Recurrence, backward

KIND = "gate order"
WHERE = {
    "the backward has its gate blocks in another order than the forward": "gates kernels gradients",
    "the blocks of a_bar are written in another order than the forward has the gates in": "kernels gradients",
    "the backward reads the gates in another order than the forward wrote them": "gates",
    "the backward reads the kernels' gate blocks in another order than the forward": "kernels",
    "the gate blocks of the parameters' gradients are in another order than those of the parameters": "gradients",
}
"""What the backward has in another order, and which arrays that changes."""


def mistakes_of_order(cell: Cell) -> Iterator[Structural]:
    """Every order of the cell's gates but its own, in each of the places. None for a cell without gates."""
    for order in list(permutations(range(len(cell.gates))))[1:]:
        swaps = ", ".join(
            f"{cell.gates[k]} in the place of {gate}"
            for gate, k in zip(cell.gates, order, strict=True)
            if cell.gates[k] != gate
        )
        for sentence, changed in WHERE.items():
            yield Structural(KIND, f"{sentence}: {swaps}", _Disordered(cell, order, changed.split()))


class _Disordered:
    """The gradients of a backward pass with the gate `cell.gates[order[k]]` in the k-th block."""

    def __init__(self, cell: Cell, order: Sequence[int], changed: Sequence[str]) -> None:
        self.cell, self.order, self.changed = cell, order, changed
        self._opposite = [order.index(k) for k in range(len(order))]
        self._gated = re.compile(rf"(.* )?{len(order)}[A-Z]+").fullmatch

    def __call__(self, r: Recurrence) -> ClaimedAdjoints:
        return backward(r, r.tapes(), partial(self._step, r.cell))

    def _step(self, cell: Cell, p: Any, tape: Any, bar: Any) -> Any:
        """The backward of the recurrence's own cell, whose equations may be edited too."""
        if "gates" in self.changed:
            tape = tape._replace(nodes=self._nodes(tape.nodes))
        if "kernels" in self.changed:
            p = self._params(p, self._opposite)
        given = cell.backward(p, tape, bar)
        return given._replace(params=self._params(given.params, self.order)) if "gradients" in self.changed else given

    def _nodes(self, nodes: Any) -> Any:
        gates = self.cell.gates
        if not set(gates) <= set(nodes._fields):
            return nodes
        return nodes._replace(**{gates[k]: getattr(nodes, gates[n]) for k, n in enumerate(self._opposite)})

    def _params(self, params: Any, order: Sequence[int]) -> Any:
        """Every parameter that holds the gates side by side, with its blocks in this order."""

        def ordered(shape: str, v: Any) -> Any:
            if not self._gated(shape):
                return v
            *outer, width = v.shape
            return v.reshape(*outer, len(order), width // len(order))[..., order, :].reshape(v.shape)

        return jax.tree.map(ordered, self.cell.params, params)
