"""The dictionary of mistakes: for a cell, every mistake the rules make, each with the gradients that it leads to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import jax
import numpy as np

from lstm_ref.cells import CELLS, Cell
from lstm_ref.cells.cell import arrays, in_domain
from lstm_ref.mistakes.between_steps import mistakes_between_steps
from lstm_ref.mistakes.edits import edits_of, transposed
from lstm_ref.mistakes.gate_orders import mistakes_of_order
from lstm_ref.mistakes.latex import latex, with_letters
from lstm_ref.mistakes.recurrence import ClaimedAdjoints, Recurrence, backward
from lstm_ref.mistakes.source import CANNOT, Edit, Source
from lstm_ref.pages.passage import passages

BETWEEN = "T1*"
"""The edge on which the mistakes between the steps lie."""


@dataclass(frozen=True)
class Mistake:
    """One entry."""

    kind: str
    sentence: str
    tag: str
    page: str
    """The derivation page, `derivations/<page>.md`."""
    gradients: Callable[[Recurrence], ClaimedAdjoints]
    edits: tuple[Edit, ...] = ()
    """The edits of the cell's backward pass that make it; empty for one made between the steps."""
    gates: str = ""
    """Letters of the cell's gates, in the order of their blocks."""

    @property
    def right(self) -> str | None:
        """The equation as derived, in LaTeX."""
        return ", \\quad ".join(latex(e.equation, self.gates) for e in self.edits) or None

    @property
    def wrong(self) -> str | None:
        """The equation as found, in LaTeX."""
        return ", \\quad ".join(latex(e.wrong, self.gates) for e in self.edits) or None

    @cached_property
    def place(self) -> str:
        """Page and line where the edge is derived."""
        return place_of(self.tag, self.page)


class CellDictionary:
    """The mistakes of one cell: those in its step, and those between the steps."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self._source = Source(cell.backward)
        self._between: dict[int, list[Mistake]] = {}
        self._steps: dict[Edit, Callable[..., Any]] = {}
        example = _example(cell)
        self.edits = self._that_run(edits_of(self._source, *example), example)
        self._where_inputs_are_as_many = self._transposed_if_square()

    def _transposed_if_square(self) -> list[Edit]:
        """Missing transposes that are possible only with as many inputs as units, where the kernel of x is square."""
        example, key = _example(self.cell, B=5, D=4), lambda e: (e.helper, e.replacements[0][0], e.wrong)
        known = set(map(key, self.edits))
        made = edits_of(self._source, *example, rules=(transposed,))
        return self._that_run([e for e in made if key(e) not in known], example)

    def step_with(self, edits: Sequence[Edit]) -> Callable[..., Any]:
        """The cell's backward with these edits made."""
        if len(edits) > 1:
            return self._source.with_edits(edits)
        (edit,) = edits
        if edit not in self._steps:
            self._steps[edit] = self._source.with_edits(edits)
        return self._steps[edit]

    def in_the_step(self, *edits: Edit) -> Mistake:
        """The mistake of making these edits together."""
        step, inner = self.step_with(edits), self._source.cell_called(edits[0].helper)
        return Mistake(
            kind=edits[0].kind,
            sentence=with_letters("; and ".join(e.sentence for e in edits), (inner or self.cell).gates),
            tag=edits[0].tag,
            page=(inner or self.cell).page,
            gradients=lambda r: backward(r, r.tapes(), step),
            edits=edits,
            gates=(inner or self.cell).gates,
        )

    def mistakes(self, T: int) -> list[Mistake]:
        """Every single mistake, for sequences of T steps."""
        in_the_step = [self.in_the_step(e) for e in (*self.edits, *self._where_inputs_are_as_many)]
        return in_the_step + self._between_steps(T)

    def _between_steps(self, T: int) -> list[Mistake]:
        """The mistakes between the steps, and those in the order of the gates. Those that change no gradient of this
        cell are left out, such as a wrong previous h where no equation reads it."""
        if T not in self._between:
            r = _example_through_time(self.cell, T)
            right = backward(r, r.tapes())
            between, orders = mistakes_between_steps(T, self.cell.state), mistakes_of_order(self.cell)
            made = [Mistake(m.kind, m.sentence, BETWEEN, "bptt", m.gradients) for m in between]
            edges = [e for e in self._source.equations if e.target.startswith("a_bar")] or self._source.equations
            tag, page = (edges[0].tag, self.cell.page) if edges else (BETWEEN, "bptt")
            made += [Mistake(m.kind, m.sentence, tag, page, m.gradients) for m in orders]
            self._between[T] = [m for m in made if not _same(m.gradients(r), right)]
        return self._between[T]

    def _that_run(self, edits: Sequence[Edit], example: tuple[Any, Any, Any]) -> list[Edit]:
        """Those that give something of the right shapes that is not what the right equations give."""
        right = jax.tree.leaves(self.cell.backward(*example))
        return [e for e in edits if self._runs(e, example, right)]

    def _runs(self, edit: Edit, example: tuple[Any, Any, Any], right: list[Any]) -> bool:
        try:
            with np.errstate(all="ignore"):  # a mistake may divide by zero
                given = jax.tree.leaves(self.step_with([edit])(*example))
        except (*CANNOT, NameError):
            return False
        if [np.shape(g) for g in given] != [np.shape(r) for r in right]:
            return False
        return not _same(given, right)


def _same(given: Any, right: Any) -> bool:
    """At generic numbers, an edit that agrees to twelve digits in every array is the same function up to rounding, and
    no mistake: for example s (1 - s), with 1 - s in the place of s."""
    pairs = zip(jax.tree.leaves(given), jax.tree.leaves(right), strict=True)
    return all(np.allclose(g, r, rtol=1e-12, atol=1e-12) for g, r in pairs)


@cache
def dictionary(cell: str) -> CellDictionary:
    """The dictionary of a cell, by its name in `CELLS`."""
    return CellDictionary(CELLS[cell])


def _example(cell: Cell, B: int = 2, D: int = 3) -> tuple[Any, Any, Any]:
    """Arguments of the cell's backward at generic numbers; all sizes differ, unless the caller sets D = H = 4."""
    r = _example_through_time(cell, 1, B, D)
    return r.params, r.tapes()[0], r.final_bar


def _example_through_time(cell: Cell, T: int, B: int = 2, D: int = 3) -> Recurrence:
    """A recurrence at generic numbers, with cotangents of everything, larger than any bound at which people clip."""
    rng = np.random.default_rng(0)
    H = 4
    states = cell.state_shapes(B, H, D=D)

    def drawn(shapes: Any, scale: float, *steps: int) -> Any:
        return arrays(shapes, lambda shape: scale * rng.standard_normal((*steps, *shape)))

    return Recurrence(
        cell,
        drawn(cell.parameter_shapes(D, H), 0.5),
        in_domain(cell, drawn(states, 0.5)),
        drawn(cell.input_shapes(B, D, H=H), 1.0, T),
        states_bar=drawn(states, 100.0, T),
        final_bar=drawn(states, 100.0),
        initial_bar=drawn(states, 100.0),
    )


def place_of(tag: str, page: str) -> str:
    """`derivations/lstm.md:71`, where the equation with this tag is; the cell's page where none has it."""
    return passages()[tag].place if tag in passages() else f"derivations/{page}.md"
