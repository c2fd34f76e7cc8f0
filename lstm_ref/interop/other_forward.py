"""A forward that is not the layer's: what it is instead, and which part of it is right.

Exchanged fields of the initial state, and batches of which only some rows are right, are set aside: what is left is a
layer again, whose gradients can be looked up. Otherwise another cell or another layout is tried.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.cells import CELLS, Cell
from lstm_ref.checking.report import Finding
from lstm_ref.errors import BadInput
from lstm_ref.interop.conform.features import FeatureCase, LayerResult, ours
from lstm_ref.interop.layout import Layout
from lstm_ref.interop.layout import ours as theirs_to_ours
from lstm_ref.interop.layouts import LAYOUTS
from lstm_ref.leaves import NamedArrays
from lstm_ref.sequence import loop
from lstm_ref.shapes import Outputs

Answering = Callable[[FeatureCase, list[dict[str, Any]]], LayerResult]


class Mended(NamedTuple):
    """A problem that the forward answers rightly, and what answers it."""

    findings: tuple[Finding, ...]
    given: FeatureCase
    answer: Answering


def mended(given: FeatureCase, weights: dict[str, Any], answer: Answering, unit: float) -> Mended | None:
    """The problem with what is wrong in the forward left out; None where no row is right.

    Args:
        given: A problem that the forward does not answer rightly, of one layer in one direction.
        weights: The problem's parameters in the layout.
        answer: What answers.
        unit: The unit roundoff; right is what agrees to half of the digits.

    Returns:
        The problem for those rows that are right, and the answer with the initial state's fields exchanged where that
        makes rows right.
    """
    right = outputs_by_path(ours(given).outputs)
    for turned in (False, True) if _can_turn(given.initial[0]) else (False,):
        asked = _exchanged(answer) if turned else answer
        outputs = outputs_by_path(asked(given, [weights]).outputs)
        rows = _right_rows(outputs, right, unit)
        if not rows.any() or (rows.all() and not turned):
            continue
        findings = []
        if turned:
            one, two = given.initial[0]._fields
            text = f"the forward takes the initial {one} and {two} in each other's place"
            findings.append(Finding("forward", text, exact=True))
        if not rows.all():
            findings.append(_of_rows(np.flatnonzero(rows), outputs, len(rows)))
        return Mended(tuple(findings), _rows_of(given, rows), asked)
    return None


def outputs_by_path(outputs: Outputs) -> dict[str, Any]:
    """The outputs of one layer in one direction, those that were given."""
    found = {"hs": outputs.hs, **{f"final.{k}": v for k, v in outputs.final[0]._asdict().items()}}
    return {k: np.asarray(v) for k, v in found.items() if v is not None}


def _can_turn(state: Any) -> bool:
    return len(state) == 2 and np.shape(state[0]) == np.shape(state[1])


def _exchanged(answer: Answering) -> Answering:
    """Who answers with the two fields of the initial state, and their gradients, in each other's place."""

    def turn(states: list[Any] | None) -> list[Any] | None:
        return states and [type(state)(*state[::-1]) for state in states]

    def asked(given: FeatureCase, weights: list[dict[str, Any]]) -> LayerResult:
        found = answer(given._replace(initial=turn(given.initial) or []), weights)
        return found._replace(initial=turn(found.initial))

    return asked


def _right_rows(outputs: NamedArrays, right: NamedArrays, unit: float) -> np.ndarray:
    """Which rows of the batch agree in every output."""
    rows = np.ones(len(right["final.h"]), bool)
    for path, v in outputs.items():
        near = np.abs(v - right[path]) <= unit**0.5 * np.max(np.abs(right[path]))
        rows &= np.all(np.moveaxis(near, int(path == "hs"), 0).reshape(len(rows), -1), axis=1)
    return rows


def _of_rows(rows: np.ndarray, outputs: NamedArrays, count: int) -> Finding:
    others = [k for k in range(count) if k not in rows]
    hs = outputs.get("hs")
    zero = f", which stay{'s' * (len(others) == 1)} zero" if hs is not None and not np.any(hs[:, others]) else ""
    of = lambda numbers: f"row{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"  # noqa: E731
    text = f"the forward is right in {of(rows)} of the batch, and wrong in {of(others)}{zero}"
    return Finding("forward", text, exact=True)


def _rows_of(given: FeatureCase, rows: np.ndarray) -> FeatureCase:
    if rows.all():
        return given
    initial, final = jax.tree.map(lambda v: v[rows], (given.initial, given.bar.final))
    return given._replace(initial=initial, xs=given.xs[:, rows], bar=Outputs(given.bar.hs[:, rows], final))


# ------------------------------------------------------------------------------------------- another cell or layout


def what_it_is(given: FeatureCase, layout: Layout, weights: dict[str, Any], outputs: NamedArrays, unit: float) -> str:
    """What gives these outputs: the cell without one of its arrays, the cell with the same arrays, or the layout with
    arrays of the same shapes."""
    for name in weights:
        without = {k: 0 * v if k == name else v for k, v in weights.items()}
        if _gives(given, given.cell, theirs_to_ours(layout, without), outputs, unit):
            return f"the forward does not read {name}"
    read = lambda cell: (cell.params, cell.state, cell.x)  # noqa: E731
    for cell in (cell for cell in CELLS.values() if read(cell) == read(given.cell)):
        if _gives(given, cell, theirs_to_ours(layout, weights), outputs, unit):
            return f"the forward is not {layout.cell}, but {cell.name}: give cell={cell.name!r}"
    for other in LAYOUTS.values():
        names = {part.name.format(layer=0, back=""): None for part in other.parts}
        if len(names) != len(weights) or CELLS[other.cell].state != given.cell.state:
            continue
        with suppress(BadInput):  # arrays of other shapes
            params = theirs_to_ours(other, dict(zip(names, weights.values(), strict=True)))
            if _gives(given, CELLS[other.cell], params, outputs, unit):
                return f"the forward is not that of the layout {layout.name}, but that of {other.name}"
    return ""


def _gives(given: FeatureCase, cell: Cell, params: Any, outputs: NamedArrays, unit: float) -> bool:
    found = loop(cell, params, given.initial[0], given.xs)[0]
    expected = outputs_by_path(Outputs(found.hs, [found.final]))
    return all(np.max(np.abs(v - expected[k])) <= unit**0.5 * np.max(np.abs(expected[k])) for k, v in outputs.items())
